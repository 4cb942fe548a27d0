#!/usr/bin/env node
import { CatalogFileError } from './catalog-file.ts';
import { audit } from './commands/audit.ts';
import { backup } from './commands/backup.ts';
import { catalogPull } from './commands/catalog-pull.ts';
import { catalogPush } from './commands/catalog-push.ts';
import { CommandError, type Command } from './commands/command.ts';
import { readCommandLine, UsageError } from './commands/command-line.ts';
import { exportStore } from './commands/export.ts';
import { helpText } from './commands/help.ts';
import { importStore } from './commands/import.ts';
import { keysCreate } from './commands/keys-create.ts';
import { keysList } from './commands/keys-list.ts';
import { keysRevoke } from './commands/keys-revoke.ts';
import { migrate } from './commands/migrate.ts';
import { restore } from './commands/restore.ts';
import { selftest } from './commands/selftest.ts';
import { serve } from './commands/serve.ts';
import { verify } from './commands/verify.ts';
import { dev } from './demo/command.ts';
import { LedgerUnavailableError } from './ledger/ledger.ts';
import { StoreFailedError } from './ledger/sqlite/database.ts';
import { StoreInUseError } from './ledger/sqlite/lock.ts';
import { DropInMissingError } from './routes/drop-in.ts';
import { ObservationError } from './selftest/observe.ts';
import { SettingsError } from './settings.ts';

const COMMANDS: readonly Command[] = [
  dev,
  serve,
  migrate,
  verify,
  audit,
  backup,
  restore,
  exportStore,
  importStore,
  keysCreate,
  keysList,
  keysRevoke,
  catalogPush,
  catalogPull,
  selftest,
];

const FAILED = 1;
const ASKED_WRONGLY = 2;

async function main(args: readonly string[]): Promise<void> {
  const asked = readCommandLine(args, COMMANDS);
  if (asked.kind === 'help') {
    process.stdout.write(helpText(asked.commands));
    return;
  }
  const { command, json, invocation } = asked;
  const { text, facts, failed } = await command.run({ ...invocation, env: process.env, report });
  process.stdout.write(json ? `${JSON.stringify(facts)}\n` : text);
  if (failed === true) process.exitCode = FAILED;
}

function report(text: string): void {
  process.stderr.write(`${text}\n`);
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message, syscall, address, hostname, port } = error as NodeJS.ErrnoException & {
    address?: string;
    hostname?: string;
    port?: number;
  };
  if (code === 'EADDRINUSE')
    return `Port ${port} of ${address} is taken. Choose another with --port (0 for a free one) or BILLINGOS_ADMIN_PORT.`;
  if (code === 'EADDRNOTAVAIL' || syscall === 'getaddrinfo')
    return `This machine has no address ${address ?? hostname}. Choose another with --host or BILLINGOS_ADMIN_HOST.`;
  if (code === 'EACCES') return `${message}. Choose a port above 1023, or a folder that you may write to.`;
  return EXPECTED.some((kind) => error instanceof kind) ? message : (error.stack ?? message);
}

/** Errors that say what to do next; any other is a fault of ours, and comes with its stack. */
const EXPECTED = [
  UsageError,
  SettingsError,
  CommandError,
  CatalogFileError,
  StoreInUseError,
  StoreFailedError,
  LedgerUnavailableError,
  ObservationError,
  DropInMissingError,
];

main(process.argv.slice(2)).catch((error: unknown) => {
  report(`billingos: ${explain(error)}`);
  process.exitCode = error instanceof UsageError || error instanceof SettingsError ? ASKED_WRONGLY : FAILED;
});
