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
  /**
   * `null` for one never seen, who is answered as the default product would, and for one who is `deleted`. What
   * {@link Customer.revision} does not move with, such as a name, may be that of a moment ago.
   */
  readonly customer: Customer | null;
  /** Somebody of this external id was deleted, and not created again. */
  readonly deleted: boolean;
  readonly catalog: Catalog;
  readonly counters: ReadonlyMap<string, Counter>;
  /** Ends of snoozes by nudge id; none where one feature was asked for. */
  readonly dismissals: ReadonlyMap<string, number>;
}

/** One customer's account to be read. */
export interface AccountRead {
  readonly externalId: string;
  /** The instant that plan and period are those of. */
  readonly now: number;
  /** The only feature whose counter is wanted. */
  readonly feature: string | undefined;
}

/** What a watcher was last shown of a customer, to be compared with what is stored. */
export interface Shown {
  readonly externalId: string;
  readonly catalogRevision: number;
  /** `null` for one never seen. */
  readonly customerRevision: number | null;
  readonly counters: readonly (CounterKey & { readonly sequence: number })[];
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

/** What a watcher who was sent these rows has been shown. */
export function shownOf(externalId: string, account: Account, rows: readonly UsageRow[]): Shown {
  return {
    externalId,
    catalogRevision: account.catalog.revision,
    customerRevision: account.customer?.revision ?? null,
    counters: rows.map(({ counter }) => counter),
  };
}
