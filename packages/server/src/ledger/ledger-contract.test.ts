import { join } from 'node:path';
import Database from 'libsql';
import { onTestFinished } from 'vitest';
import { openSqliteLedger } from './sqlite/sqlite-ledger.ts';
import { audit } from './testing/audit.ts';
import { ledgerContract } from './testing/contract.ts';
import { tempFolder } from './testing/temp-folder.ts';

ledgerContract('the embedded ledger', async (clock) => {
  const path = join(tempFolder(), 'store.db');
  const open = async () => {
    const ledger = await openSqliteLedger(path, clock);
    onTestFinished(() => ledger.close());
    return ledger;
  };
  const ledger = await open();
  return {
    ledger,
    async reopen() {
      await ledger.close();
      return open();
    },
    audit: () => Promise.resolve(audit(path)),
    tamper(sql) {
      const database = new Database(path);
      database.exec(sql);
      database.close();
      return Promise.resolve();
    },
  };
});
