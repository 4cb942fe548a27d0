import { setImmediate as nextTurn } from 'node:timers/promises';
import type { z } from '@hono/zod-openapi';
import { RawJson, toJson } from '../json.ts';
import type { TenantLedger } from '../ledger/ledger.ts';
import type { Refusal, RefusalCode, TrackCommand, Verdict } from '../metering/decide.ts';
import { formatScaled } from '../metering/quantity.ts';
import { Problem, problemError, validationProblem, type ProblemCode } from '../problems.ts';
import { iso, summaryDocument, trackDocument } from './documents.ts';
import { parse, type DefineRoute, type Reply } from './route.ts';
import {
  BATCH_BYTES_MAX,
  BatchBody,
  BatchReplySchema,
  SessionTrackBody,
  TrackBody,
  TrackReplySchema,
} from './schemas.ts';

/** Recording usage: from a request to a command, and from a verdict to a reply (wire contract §3). */

export function trackRoutes(route: DefineRoute): void {
  const replies = { 201: { description: 'Recorded, once, on disk.', schema: TrackReplySchema } };

  route(
    {
      method: 'post',
      path: '/v1/usage/track',
      isHot: true,
      tag: 'Usage',
      summary: 'Record one usage event and enforce the limit',
      description: 'The event, its idempotency record and the counter are one transaction. A 201 is on disk.',
      credential: 'secret_key',
      body: TrackBody,
      replies,
      problems: [...INCREASE_PROBLEMS, 'usage_below_zero', 'timestamp_out_of_range'],
    },
    async ({ ledger, body, header }) => {
      return track(ledger, await serverCommand(ledger, body, header('idempotency-key')));
    },
  );

  route(
    {
      method: 'post',
      path: '/v1/usage/batch',
      isHot: true,
      tag: 'Usage',
      summary: 'Record up to 1 000 usage events, in order, each by its own verdict',
      description:
        'One bad item never sinks the rest. After a 503 part may be recorded: give every item a key.',
      credential: 'secret_key',
      body: BatchBody,
      bodyBytesMax: BATCH_BYTES_MAX,
      replies: { 200: { description: 'A verdict for each item.', schema: BatchReplySchema } },
    },
    ({ ledger, body, header }) => {
      if (header('idempotency-key') !== undefined) {
        const message = 'a batch has no key; give each event its own idempotency_key';
        throw validationProblem(`Idempotency-Key: ${message}.`, [{ path: 'Idempotency-Key', message }]);
      }
      return trackBatch(ledger, body.events);
    },
  );

  route(
    {
      method: 'post',
      path: '/v1/features/track-usage',
      tag: 'Features',
      summary: 'Record one usage event of the session’s customer',
      credential: 'track_usage',
      body: SessionTrackBody,
      replies,
      problems: INCREASE_PROBLEMS,
    },
    ({ principal, ledger, body, header }) => {
      const command = toCommand(
        body,
        { externalId: principal.externalId, origin: 'session' },
        header('idempotency-key'),
      );
      return track(ledger, command);
    },
  );
}

/**
 * Our own ids where the merchant's belong would silently make a second customer.
 * @param member the request's member that names the customer.
 */
export async function refuseOwnId(
  ledger: TenantLedger,
  customerId: string,
  member = 'customer_id',
): Promise<void> {
  if (!OWN_ID.test(customerId)) return;
  const customer = await ledger.customer(customerId);
  if (customer === null) return;
  if (customer.deletedAt !== null) throw new Problem('customer_not_found', `${customerId} has been deleted.`);
  throw validationProblem(
    `${member} takes your own user id, and ${customerId} is ours; send "${customer.externalId}".`,
    [{ path: member, message: `send the external user id, "${customer.externalId}"` }],
  );
}

const OWN_ID = /^cus_[0-9a-f]{32}$/;

const INCREASE_PROBLEMS: readonly ProblemCode[] = [
  'quota_exceeded',
  'feature_not_in_plan',
  'subscription_not_active',
  'no_active_subscription',
  'customer_not_found',
  'feature_not_found',
  'idempotency_key_reused',
  'quantity_out_of_range',
  'quantity_below_precision',
  'feature_not_metered',
];

async function track(ledger: TenantLedger, command: TrackCommand): Promise<Reply> {
  const [verdict] = await ledger.track([command]);
  if (verdict === undefined) throw new Error('The ledger gave no verdict');
  return verdictReply(verdict);
}

async function trackBatch(ledger: TenantLedger, items: readonly unknown[]): Promise<Reply> {
  const prepared = await inTurns(items, (item) => batchCommand(ledger, item));
  const commands = prepared.filter((item): item is TrackCommand => !(item instanceof Problem));
  const verdicts = commands.length === 0 ? [] : await ledger.track(commands);
  const verdictsInOrder = verdicts.values();
  const summary = { recorded: 0, duplicate: 0, rejected: 0, invalid: 0 };
  const results = await inTurns(prepared, (item, index) => {
    const result = batchResult(item instanceof Problem ? item : verdictsInOrder.next().value, index);
    summary[result.outcome] += 1;
    return toJson(result);
  });
  return { status: 200, body: { results: new RawJson(`[${results.join(',')}]`), summary } };
}

/**
 * How long items of a batch are worked through before others have their turn: to read a thousand that are wrong in
 * every member, and to print what is wrong with them, takes some 50 ms.
 */
const TURN_MS = 2;

/** Works through the items of a batch, in order, without keeping everybody else from theirs. */
async function inTurns<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => R | Promise<R>,
): Promise<R[]> {
  const done: R[] = [];
  let begun = performance.now();
  for (const [index, item] of items.entries()) {
    done.push(await work(item, index));
    if (performance.now() - begun < TURN_MS) continue;
    await nextTurn();
    begun = performance.now();
  }
  return done;
}

/** An item of a batch as a command, or what is wrong with it. */
async function batchCommand(ledger: TenantLedger, item: unknown): Promise<TrackCommand | Problem> {
  try {
    return await serverCommand(ledger, parse(TrackBody, item, 'item'), undefined);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function batchResult(item: Problem | Verdict | undefined, index: number) {
  if (item === undefined) throw new Error('The ledger gave too few verdicts');
  if (item instanceof Problem) return refusedItem(index, item);
  if (item.outcome === 'refused') return refusedItem(index, refusalProblem(item));
  return { index, outcome: item.outcome, ...trackDocument(item.event) };
}

/** 402 and 403 are what the plan says of a good event; any other refusal is the event's own fault. */
function refusedItem(index: number, problem: Problem) {
  const outcome =
    problem.status === 402 || problem.status === 403 ? ('rejected' as const) : ('invalid' as const);
  return { index, outcome, error: problemError(problem) };
}

function verdictReply(verdict: Verdict): Reply {
  if (verdict.outcome === 'refused') throw refusalProblem(verdict);
  return {
    status: 201,
    body: trackDocument(verdict.event),
    ...(verdict.outcome === 'duplicate' && { headers: { 'Idempotent-Replayed': 'true' } }),
  };
}

async function serverCommand(
  ledger: TenantLedger,
  body: z.output<typeof TrackBody>,
  keyHeader: string | undefined,
): Promise<TrackCommand> {
  await refuseOwnId(ledger, body.customer_id);
  return toCommand(body, { externalId: body.customer_id, origin: 'secret' }, keyHeader);
}

function toCommand(
  body: z.output<typeof TrackBody> | z.output<typeof SessionTrackBody>,
  who: Pick<TrackCommand, 'externalId' | 'origin'>,
  keyHeader: string | undefined,
): TrackCommand {
  // Spelled out: what begins as a spread and goes on this long, V8 keeps as a hash table.
  return {
    externalId: who.externalId,
    origin: who.origin,
    feature: body.feature_key,
    quantity: body.quantity,
    action: body.action,
    idempotencyKey: keyOf(body.idempotency_key, keyHeader),
    metadata: body.metadata === undefined ? null : JSON.stringify(body.metadata),
    timestamp: body.timestamp === undefined ? null : Date.parse(body.timestamp),
  };
}

/** The key from the body or from the header, quoted or bare. */
function keyOf(inBody: string | undefined, header: string | undefined): string | null {
  const bare = header?.replace(/^"(.*)"$/, '$1');
  if (bare !== undefined && !/^[\x20-\x7e]{1,255}$/.test(bare)) {
    throw keyProblem('Idempotency-Key takes 1 to 255 printable ASCII characters.');
  }
  if (inBody !== undefined && bare !== undefined && inBody !== bare) {
    throw keyProblem('Idempotency-Key and idempotency_key are both given and differ; send one.');
  }
  return inBody ?? bare ?? null;
}

function keyProblem(message: string): Problem {
  return validationProblem(message, [{ path: 'Idempotency-Key', message }]);
}

/** What to do depends on the catalog, so both ways out are named. */
export const NO_CUSTOMER =
  'There is no such customer. One who was deleted is created with POST /customers; new ones come by themselves where ' +
  'the catalog has a default product: push one that has (billingos catalog push FILE).';

/** How each refusal is told: the sentence, and for what is merely not valid, the member at fault. */
const REFUSALS: Record<RefusalCode, (refusal: Refusal) => { detail: string; member?: string }> = {
  quota_exceeded: ({ feature, usage }) => ({ detail: `${feature}: ${used(usage)}; ${resets(usage)}` }),
  no_active_subscription: () => ({
    detail: 'The customer has no subscription, and the catalog no default product.',
  }),
  subscription_not_active: () => ({ detail: 'The customer’s subscription gives no access at present.' }),
  feature_not_in_plan: ({ feature }) => ({ detail: `The customer’s plan does not include ${feature}.` }),
  feature_not_found: ({ feature }) => ({ detail: `The catalog has no feature "${feature}".` }),
  customer_not_found: () => ({
    detail: NO_CUSTOMER,
  }),
  feature_not_metered: ({ feature }) => ({
    detail: `${feature} is a boolean_flag: it is granted, not counted.`,
  }),
  idempotency_key_reused: () => ({
    detail: 'This idempotency key belongs to another event. Use a new key for each logical event.',
  }),
  timestamp_out_of_range: () => ({ detail: 'timestamp may lie 35 days back to 5 minutes ahead.' }),
  usage_below_zero: ({ feature, usage }) => ({
    detail: `${feature}: ${used(usage)}; usage cannot fall below zero.`,
  }),
  quantity_out_of_range: ({ feature }) => ({
    detail: `The quantity or its sum is beyond what ${feature} can count.`,
  }),
  quantity_below_precision: ({ feature }) => ({
    detail: `The quantity rounds to 0 at the precision of ${feature}; give the feature more decimals.`,
  }),
  fraction_not_allowed: ({ feature }) => ({
    member: 'quantity',
    detail: `${feature} counts whole units; send a whole quantity.`,
  }),
  set_not_allowed: ({ feature }) => ({
    member: 'action',
    detail: `"set" is for a numeric_limit; ${feature} takes "add".`,
  }),
  set_with_timestamp: () => ({
    member: 'timestamp',
    detail: '"set" takes no timestamp: the last commit wins.',
  }),
};

/** The error reply of a refused event. */
export function refusalProblem(refusal: Refusal): Problem {
  const { detail, member } = REFUSALS[refusal.code](refusal);
  const { feature, usage } = refusal;
  if (member !== undefined) return validationProblem(detail, [{ path: member, message: detail }]);
  return new Problem(refusal.code as ProblemCode, detail, {
    feature_key: feature,
    ...(usage && { usage: summaryDocument(usage) }),
  });
}

function used(usage: Refusal['usage']): string {
  if (usage === undefined) return '';
  const consumed = formatScaled(usage.consumed, usage.decimals);
  return usage.limit === null
    ? `${consumed} used`
    : `${consumed} of ${formatScaled(usage.limit, usage.decimals)} used`;
}

function resets(usage: Refusal['usage']): string {
  return usage?.period.end == null ? 'it does not reset' : `resets ${iso(usage.period.end)}`;
}
