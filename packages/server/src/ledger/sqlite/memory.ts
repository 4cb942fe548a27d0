import type { Customer } from '../../metering/subscription.ts';
import type { Counter } from '../../metering/usage.ts';
import { number } from '../rows.ts';
import type { Sqlite } from './database.ts';

/** What a connection knows of a tenant without asking. */
export interface Known {
  /** By external id. */
  readonly customers: Map<string, Customer>;
  /** By counter id. */
  readonly counters: Map<string, Counter>;
}

/**
 * What one transaction read and wrote, for the next one to use: true for as long as nothing was written in between,
 * by another connection or by another operation on this one. SQLite itself says whether, so nobody has to declare
 * what they write.
 */
export interface Memory {
  /** In a transaction, before anything is written: what is known of each tenant, to be added to. */
  recall(): (tenantId: string) => Known;
  /** In the same transaction, after its last write. What it returns is called once the commit has succeeded. */
  seal(): () => void;
}

/** Tenants, customers and counters remembered before all are forgotten: about 20 MB. */
const KNOWN_MAX = 20_000;

export function memoryOf(sqlite: Sqlite, knownMax = KNOWN_MAX): Memory {
  const tenants = new Map<string, Known>();
  /** The state of the store that is remembered; `null` while a transaction runs, and after one that failed. */
  let state: string | null = null;

  function knownOf(tenantId: string): Known {
    let known = tenants.get(tenantId);
    if (known === undefined) tenants.set(tenantId, (known = { customers: new Map(), counters: new Map() }));
    return known;
  }

  return {
    recall() {
      if (state === null || state !== stateOf(sqlite) || sizeOf(tenants) > knownMax) tenants.clear();
      state = null;
      return knownOf;
    },
    seal() {
      const sealed = stateOf(sqlite);
      return () => {
        state = sealed;
      };
    },
  };
}

/** The same as before only when no row was changed since, on this connection or on any other. */
function stateOf(sqlite: Sqlite): string {
  const row = sqlite.get(STATE) ?? {};
  return `${number(row, 'own')} ${number(row, 'others')}`;
}

const STATE = 'select total_changes() as own, data_version as others from pragma_data_version';

function sizeOf(tenants: ReadonlyMap<string, Known>): number {
  let size = tenants.size;
  for (const { customers, counters } of tenants.values()) size += customers.size + counters.size;
  return size;
}
