export { createApp, openApiDocument, type App, type AppOptions } from './app.ts';
export { openPostgresLedger } from './ledger/postgres/postgres-ledger.ts';
export { openSqliteLedger } from './ledger/sqlite/sqlite-ledger.ts';
export type { Ledger, TenantLedger } from './ledger/ledger.ts';
export { API_VERSION } from './replies.ts';
