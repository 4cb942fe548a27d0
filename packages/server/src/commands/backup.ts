import { BackupError, checkCopy, copySqlite, type Backup } from '../ledger/sqlite/backup.ts';
import type { StoreSettings } from '../settings.ts';
import { embeddedPath } from '../store.ts';
import { CommandError, DATA_OPTION, FORCE_OPTION, JSON_OPTION, type Command } from './command.ts';
import { existingStore } from './existing-store.ts';
import { writeWhole } from './files.ts';

export const backup: Command = {
  name: 'backup',
  summary: 'copy the embedded store to a file, beside a running server',
  details: `The file is the store as of one instant: everything acknowledged before is in it. It is checked before it takes its
name, and holds what opens the API: keep it where secrets are kept. PostgreSQL is backed up with its own means.`,
  operands: ['FILE'],
  options: { ...FORCE_OPTION, ...DATA_OPTION, ...JSON_OPTION },
  async run(invocation) {
    const [file = ''] = invocation.operands;
    const path = embeddedOnly(await existingStore(invocation), 'pg_dump');
    const { schema, events } = await writeWhole(
      file,
      invocation.options['force'] !== undefined,
      (partial) => {
        invocation.report(`Copying ${path}`);
        copySqlite(path, partial);
        invocation.report('Checking the copy');
        return checked(partial, `The copy of ${path} cannot be used, and ${file} was not made`);
      },
    );
    return {
      text: `Backed up ${events} events to ${file}. Put it back with: billingos restore ${file}\n`,
      facts: { file, schema, events },
    };
  },
};

/** What a copy holds. @throws CommandError that begins with `failure` and says why */
export function checked(copy: string, failure: string): Backup {
  try {
    return checkCopy(copy);
  } catch (error) {
    throw error instanceof BackupError ? new CommandError(`${failure}: ${error.message}.`) : error;
  }
}

/** The file of the embedded store. @throws CommandError naming PostgreSQL's own program for it */
export function embeddedOnly(settings: StoreSettings, otherwise: string): string {
  if (settings.kind === 'embedded') return embeddedPath(settings.folder);
  throw new CommandError(
    `DATABASE_URL names PostgreSQL, and this is for the embedded store: use ${otherwise}, or leave DATABASE_URL unset.`,
  );
}
