import type { TrackCommand, Verdict } from '../metering/decide.ts';
import type { Share } from './group-commit.ts';
import type { Change, Ledger } from './ledger.ts';

/** Who listens to a ledger's changes, in this process. */
export interface ChangeListeners {
  readonly add: Ledger['onChange'];
  readonly publish: (changes: readonly Change[]) => void;
}

export function changeListeners(): ChangeListeners {
  const listeners = new Set<(changes: readonly Change[]) => void>();
  return {
    add(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish(changes) {
      if (changes.length > 0) for (const listener of listeners) notify(listener, changes);
    },
  };
}

/** What a tenant's share of a batch changed, once per customer and feature. */
export function usageChanges(
  { tenantId, commands }: Share<TrackCommand>,
  verdicts: readonly Verdict[],
): Change[] {
  const changed = new Map<string, Change>();
  verdicts.forEach((verdict, index) => {
    const externalId = commands[index]?.externalId;
    if (verdict.outcome !== 'recorded' || externalId === undefined) return;
    const { feature } = verdict.event;
    changed.set(`${externalId}\n${feature}`, { kind: 'usage', tenantId, externalId, feature });
  });
  return [...changed.values()];
}

/** A commit stands whatever its listeners do: thrown on, their errors would make it look undone and be repeated. */
function notify(listener: (changes: readonly Change[]) => void, changes: readonly Change[]): void {
  try {
    listener(changes);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
