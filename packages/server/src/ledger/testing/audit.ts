import Database from 'libsql';

/** What an auditor reads from a store's file, past the ledger. */
export interface Audit {
  readonly eventIds: readonly string[];
  /** What events say beside their amounts. */
  readonly metadata: readonly unknown[];
  /** Counters that are not the sum of their events, or whose sequence has gaps. */
  readonly faults: readonly unknown[];
}

/** Reads a store with a connection of its own and adds everything up again. */
export function audit(path: string): Audit {
  const database = new Database(path);
  try {
    return {
      eventIds: database
        .prepare('select id from event order by id')
        .all()
        .map((row) => (row as { id: string }).id),
      metadata: database.prepare('select metadata from event where metadata is not null').all(),
      faults: [...database.prepare(MISCOUNTED).all(), ...database.prepare(UNKEPT_KEYS).all()],
    };
  } finally {
    database.close();
  }
}

/**
 * Added up in two parts, because SQLite gives up where a sum leaves 64 bits on its way, in whatever order it takes;
 * `low` is brought to 0 up to a million, as the rest of what is stored is.
 */
const MISCOUNTED = `
  with parts as (
    select tenant_id, customer_id, feature, reset, counter_start, sum(delta / 1000000) as high,
      sum(delta % 1000000) as low, count(*) as events, count(distinct sequence) as sequences,
      max(sequence) as sequence
    from event group by 1, 2, 3, 4, 5
  ), counted as (
    select *, (low % 1000000 + 1000000) % 1000000 as rest from parts
  )
  select * from counter c left join counted e
    on e.tenant_id = c.tenant_id and e.customer_id = c.customer_id and e.feature = c.feature
      and e.reset = c.reset and e.counter_start = c.period_start
  where e.high + (e.low - e.rest) / 1000000 is not c.consumed / 1000000 or e.rest is not c.consumed % 1000000
    or e.sequence is not c.sequence or e.events is not c.sequence
    or e.sequences is not c.sequence`;

const UNKEPT_KEYS = `
  select e.id from event e left join idempotency i on i.tenant_id = e.tenant_id and i.event_id = e.id
  where e.idempotency_key is not null and i.key is not e.idempotency_key`;
