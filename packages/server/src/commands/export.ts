import { writeExport } from '../ledger/export-file.ts';
import { describeStore, storeParts } from '../store.ts';
import { DATA_OPTION, FORCE_OPTION, JSON_OPTION, type Command } from './command.ts';
import { existingStore } from './existing-store.ts';
import { writeWhole } from './files.ts';

export const exportStore: Command = {
  name: 'export',
  summary: 'write everything in the store to a file, for "billingos import" on another',
  details: `The store as of one instant, whichever kind it is: tenants, keys, catalogs, customers, usage, idempotency records,
audit. To move for good, stop its servers first: what they record later is not in the file. It holds what opens the
API: keep it where secrets are kept.`,
  operands: ['FILE'],
  options: { ...FORCE_OPTION, ...DATA_OPTION, ...JSON_OPTION },
  async run(invocation) {
    const [file = ''] = invocation.operands;
    const { options, report } = invocation;
    const settings = await existingStore(invocation);
    const rows = await writeWhole(file, options['force'] !== undefined, (partial) =>
      writeExport(partial, storeParts(settings), (count) => report(`${count} rows`)),
    );
    const store = describeStore(settings);
    return {
      text: `Exported ${rows.event ?? 0} events of ${rows.customer ?? 0} customers from ${store} to ${file}\n`,
      facts: { store, file, rows },
    };
  },
};
