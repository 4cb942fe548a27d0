import type { Catalog } from '../metering/catalog.ts';
import { standingAt, type Customer } from '../metering/subscription.ts';
import {
  counterId,
  emptyCounter,
  usageRows,
  type Counter,
  type CounterKey,
  type UsageRow,
} from '../metering/usage.ts';

/** What reads are answered from: one consistent picture of a customer. */
export interface Account {
  /** `null` for one never seen, who is answered as the default product would. */
  readonly customer: Customer | null;
  readonly catalog: Catalog;
  readonly counters: ReadonlyMap<string, Counter>;
  /** Ends of snoozes by nudge id. */
  readonly dismissals: ReadonlyMap<string, number>;
}

/** A counter of an account; one never charged is empty. */
export function counterIn(account: Account): (key: CounterKey) => Counter {
  return (key) => account.counters.get(counterId(key)) ?? emptyCounter(key);
}

/** A customer's usage rows as of an instant; only one feature's when named. */
export function rowsOf(account: Account, now: number, feature?: string): UsageRow[] {
  const standing = standingAt(account.customer, account.catalog, now);
  const rows = usageRows(standing, account.catalog, account.customer?.id ?? '', now, counterIn(account));
  return feature === undefined ? rows : rows.filter((row) => row.entitlement.feature.key === feature);
}
