import { readEvent, type Load, type Meter } from './drive.ts';
import type { Attempt, Draft, History, RecordedEvent, Total } from './history.ts';
import { untilCertain, type Reply, type Send } from './usage-api.ts';

/** How long the API may be away before nothing can be said of what it has kept. */
const PATIENCE_MS = 30_000;
const LOOKUPS_AT_ONCE = 64;

/** The API does not say what it has kept; the message says what was asked, and what came back. */
export class ObservationError extends Error {
  override readonly name = 'ObservationError';
}

/** What the API has kept of all that was sent; nothing may be under way any more. @throws ObservationError */
export async function observe(
  { send, meter, customers }: Pick<Load, 'send' | 'meter' | 'customers'>,
  attempts: readonly Attempt[],
): Promise<History> {
  const drafts = [...new Map(attempts.map(({ draft }) => [draft.key, draft])).values()];
  const lookups = await lookUp(send, drafts);
  const totals = await totalsOf(send, meter, customers);
  return { limit: meter.limit, attempts, lookups, totals };
}

async function lookUp(send: Send, keys: readonly Draft[]): Promise<Map<string, RecordedEvent | null>> {
  const found = new Map<string, RecordedEvent | null>();
  const waiting = keys.values();
  await Promise.all(
    Array.from({ length: LOOKUPS_AT_ONCE }, async () => {
      for (const { customer, key } of waiting) {
        const query = new URLSearchParams({ customer_id: customer, idempotency_key: key });
        const { outcome, event } = (await ask(send, `/v1/usage/events?${query}`)) as Record<string, unknown>;
        found.set(key, outcome === 'recorded' ? readEvent(event) : null);
      }
    }),
  );
  return found;
}

async function totalsOf(
  send: Send,
  { feature }: Pick<Meter, 'feature'>,
  customers: readonly string[],
): Promise<Total[]> {
  const totals: Total[] = [];
  for (const customer of customers) {
    const query = new URLSearchParams({ customer_id: customer, feature_key: feature });
    const { metrics } = (await ask(send, `/v1/usage/metrics?${query}`)) as { metrics: readonly MetricRow[] };
    for (const { period_start, sequence, consumed } of metrics)
      totals.push({ customer, periodStart: period_start, sequence, consumed });
  }
  return totals;
}

interface MetricRow {
  readonly period_start: string;
  readonly sequence: number;
  readonly consumed: number;
}

/** Deletes the customers that there are. @returns the external ids of those that the API did not delete. */
export async function removeCustomers(send: Send, customers: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const customer of customers) {
    const found = await send('GET', `/customers/external/${customer}`);
    if (found?.status === 404) continue;
    const { id } = (found?.body ?? {}) as { id?: string };
    const deleted = id === undefined ? null : await send('DELETE', `/customers/${id}`);
    if (deleted?.status !== 200) left.push(customer);
  }
  return left;
}

async function ask(send: Send, path: string): Promise<object> {
  const patientUntil = performance.now() + PATIENCE_MS;
  const reply = await untilCertain<Reply | null>(
    () => send('GET', path),
    (certain) => certain !== null,
    () => performance.now() < patientUntil,
  );
  if (reply?.status === 200 && typeof reply.body === 'object' && reply.body !== null) return reply.body;
  const came = reply === null ? `nothing for ${PATIENCE_MS / 1_000} s` : `status ${reply.status}`;
  throw new ObservationError(
    `GET ${path} was answered with ${came}: what the API has kept cannot be checked.`,
  );
}
