import { ExportFileError, readExport, type RowCounts } from '../ledger/export-file.ts';
import { StoreNotEmptyError } from '../ledger/ledger.ts';
import { storeSettings, type StoreSettings } from '../settings.ts';
import { describeStore, fillStore, openLedger, schemaOf } from '../store.ts';
import { CommandError, DATA_OPTION, JSON_OPTION, type Command, type Invocation } from './command.ts';
import { readable } from './files.ts';
import { verificationDocument, verificationText } from './verify.ts';

export const importStore: Command = {
  name: 'import',
  summary: 'fill an empty store with what "billingos export" wrote, then verify it',
  details: `All of the file or nothing: a store that an import was interrupted on is as empty as before. Ends with 1 where the
store differs from what its events come to; then so did the one that was exported.`,
  operands: ['FILE'],
  options: { ...DATA_OPTION, ...JSON_OPTION },
  async run(invocation) {
    const { operands, options, env, report } = invocation;
    const [file = ''] = operands;
    const settings = storeSettings(options, env);
    const store = describeStore(settings);
    readable(file);
    const { present, needed } = await schemaOf(settings);
    if (present !== 0 && present !== needed) {
      throw new CommandError(
        `${store} has schema version ${present}, and this release works on ${needed}: another release uses it. ` +
          'An import fills an empty store: name another folder or database.',
      );
    }
    const rows = await fill(settings, invocation).catch((error: unknown) => {
      throw explained(error, file, store);
    });
    const ledger = await openLedger(settings, Date.now);
    try {
      const verification = await ledger.verify(Date.now(), verifying(report));
      return {
        text: `Imported ${rows.event ?? 0} events of ${rows.customer ?? 0} customers to ${store}\n${verificationText(verification)}`,
        facts: { store, file, rows, verification: verificationDocument(verification) },
        failed: verification.differencesTotal > 0,
      };
    } finally {
      await ledger.close();
    }
  },
};

/** Reads the file twice: what is wrong with it is better said before the long work than after. */
async function fill(
  settings: StoreSettings,
  { operands: [file = ''], report }: Invocation,
): Promise<RowCounts> {
  const checking = readExport(file, (count) => report(`Checked ${count} rows`));
  let step = checking.next();
  while (step.done !== true) step = checking.next();
  await fillStore(
    settings,
    readExport(file, (count) => report(`Imported ${count} rows`)),
  );
  return step.value;
}

const verifying =
  (report: Invocation['report']) =>
  (events: number, of: number): void =>
    report(`Verified ${events} of ${of} events`);

function explained(error: unknown, file: string, store: string): unknown {
  if (error instanceof ExportFileError) {
    return new CommandError(`${file} cannot be imported, and nothing was. ${error.message}`);
  }
  if (error instanceof StoreNotEmptyError) {
    return new CommandError(
      `${store} cannot be imported to. ${error.message} An import fills an empty store: name another folder or database.`,
    );
  }
  return error;
}
