import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { settleSqlite } from '../ledger/sqlite/backup.ts';
import { lockStore } from '../ledger/sqlite/lock.ts';
import { storeSettings } from '../settings.ts';
import { checked, embeddedOnly } from './backup.ts';
import { CommandError, DATA_OPTION, FORCE_OPTION, JSON_OPTION, type Command } from './command.ts';
import { readable, writeWhole } from './files.ts';

export const restore: Command = {
  name: 'restore',
  summary: 'put a backup in place of the embedded store; no server may be running on it',
  details:
    'The copy is checked before it is put in place: then it is there whole, or the store is as it was.',
  operands: ['FILE'],
  options: { ...FORCE_OPTION, ...DATA_OPTION, ...JSON_OPTION },
  async run({ operands, options, env, report }) {
    const [file = ''] = operands;
    const path = embeddedOnly(storeSettings(options, env), 'pg_restore');
    readable(file);
    if (options['force'] === undefined && existsSync(path)) {
      throw new CommandError(
        `There is a store at ${path}. Back it up if it may be needed, then give --force to replace it.`,
      );
    }
    const lock = lockStore(dirname(path));
    try {
      const { schema, events } = await writeWhole(path, true, (partial) => {
        report(`Copying ${file}`);
        copyFileSync(file, partial);
        report('Checking the copy');
        const copied = checked(partial, `${file} cannot be restored, and the store is as it was`);
        removeLog(path);
        return copied;
      });
      return {
        text: `Restored ${events} events to ${path}. "billingos verify" adds them up again.\n`,
        facts: { store: path, schema, events },
      };
    } finally {
      lock.release();
    }
  },
};

/** The log of the store that is replaced would be taken for the new one's. */
function removeLog(path: string): void {
  if (existsSync(path)) settleSqlite(path);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
}
