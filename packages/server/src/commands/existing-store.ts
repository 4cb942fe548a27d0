import type { Ledger } from '../ledger/ledger.ts';
import { storeSettings, type StoreSettings } from '../settings.ts';
import { describeStore, openLedger, schemaOf } from '../store.ts';
import { CommandError, type Invocation } from './command.ts';

/** Lets a command work on an {@link existingStore}. */
export async function withExistingStore<T>(
  invocation: Invocation,
  work: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  const ledger = await openLedger(await existingStore(invocation), Date.now);
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

/**
 * A store that is there, for a command to work on beside the server that may be running on it. None is made, so that
 * a wrong folder is noticed, and none is migrated, so that a newer program leaves an older server's store alone.
 * @throws CommandError saying where it looked.
 */
export async function existingStore({ options, env }: Invocation): Promise<StoreSettings> {
  const settings = storeSettings(options, env);
  const { present, needed } = await schemaOf(settings);
  const at = describeStore(settings);
  if (present === 0) {
    throw new CommandError(
      `There is no store at ${at}. Name the right one with --data, BILLINGOS_DATA or DATABASE_URL, or make one with ` +
        '"billingos migrate".',
    );
  }
  if (present !== needed) {
    throw new CommandError(
      `The store at ${at} has schema version ${present}, and this release works on ${needed}. ` +
        (present < needed ? 'Run "billingos migrate" first.' : 'Use the release that its server runs.'),
    );
  }
  return settings;
}
