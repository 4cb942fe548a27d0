import { counterIn, rowsOf } from '../ledger/account.ts';
import type { TenantLedger } from '../ledger/ledger.ts';
import { check } from '../metering/check.ts';
import { DISMISSAL_DEFAULT_MS, nudgesOf } from '../metering/nudges.ts';
import type { Decimal } from '../metering/quantity.ts';
import { Problem } from '../problems.ts';
import { checkDocument, eventDocument, iso, metricsDocument, nudgeDocument } from './documents.ts';
import type { DefineRoute, Reply } from './route.ts';
import {
  CheckQuery,
  CheckReplySchema,
  DismissBody,
  DismissSchema,
  EventQuery,
  EventReplySchema,
  FeatureQuery,
  MetricsQuery,
  NudgeParams,
  NudgesSchema,
  SessionCheckQuery,
  UsageMetricsSchema,
} from './schemas.ts';
import { refusalProblem, refuseOwnId } from './track.ts';

/** Reading usage: checks, metrics and nudges, for servers and for sessions (wire contract §4, §5, §8). */
export function usageRoutes(route: DefineRoute, clock: () => number): void {
  const checkReplies = { 200: { description: 'The answer; a "no" is one too.', schema: CheckReplySchema } };
  const metricsReplies = {
    200: { description: 'One row for every metered feature.', schema: UsageMetricsSchema },
  };

  route(
    {
      method: 'get',
      path: '/v1/usage/check',
      isHot: true,
      tag: 'Usage',
      summary: 'May this customer use this feature now?',
      credential: 'secret_key',
      query: CheckQuery,
      replies: checkReplies,
      problems: ['quantity_out_of_range', 'quantity_below_precision'],
    },
    async ({ ledger, query }) => {
      await refuseOwnId(ledger, query.customer_id);
      return checkReply(ledger, query.customer_id, query.feature_key, query.quantity ?? null);
    },
  );

  route(
    {
      method: 'get',
      path: '/v1/features/check',
      tag: 'Features',
      summary: 'May the session’s customer use this feature now?',
      credential: 'read_entitlements',
      query: SessionCheckQuery,
      replies: checkReplies,
      problems: ['quantity_out_of_range', 'quantity_below_precision'],
    },
    ({ principal, ledger, query }) =>
      checkReply(ledger, principal.externalId, query.feature_key, query.quantity ?? null),
  );

  route(
    {
      method: 'get',
      path: '/v1/usage/metrics',
      tag: 'Usage',
      summary: 'What a customer has used of what',
      credential: 'secret_key',
      query: MetricsQuery,
      replies: metricsReplies,
      problems: ['customer_not_found'],
    },
    async ({ ledger, query }) => {
      await refuseOwnId(ledger, query.customer_id);
      return metricsReply(ledger, query.customer_id, query.feature_key);
    },
  );

  route(
    {
      method: 'get',
      path: '/v1/usage/events',
      tag: 'Usage',
      summary: 'Did it count? The event that holds an idempotency key',
      description:
        'For a call whose outcome is not known. Keys are kept for 36 days; only those of secret keys are looked up.',
      credential: 'secret_key',
      query: EventQuery,
      replies: { 200: { description: 'Recorded, or unknown.', schema: EventReplySchema } },
      problems: ['customer_not_found'],
    },
    async ({ ledger, query }) => {
      const { customer_id, idempotency_key } = query;
      await refuseOwnId(ledger, customer_id);
      const event = await ledger.event(customer_id, 'secret', idempotency_key);
      if (event !== null) {
        return { status: 200, body: { outcome: 'recorded', event: eventDocument(event, customer_id) } };
      }
      if ((await ledger.account(customer_id, clock())).deleted) throw deletedCustomer(customer_id);
      return { status: 200, body: { outcome: 'unknown' } };
    },
  );

  route(
    {
      method: 'get',
      path: '/v1/features/usage-metrics',
      tag: 'Features',
      summary: 'What the session’s customer has used of what',
      credential: 'read_usage',
      query: FeatureQuery,
      replies: metricsReplies,
    },
    ({ principal, ledger, query }) => metricsReply(ledger, principal.externalId, query.feature_key),
  );

  route(
    {
      method: 'get',
      path: '/v1/features/nudges',
      tag: 'Features',
      summary: 'What to tell the session’s customer about running out, most urgent first',
      credential: 'read_usage',
      replies: { 200: { description: 'Nudges that are not dismissed.', schema: NudgesSchema } },
    },
    async ({ principal, ledger }) => {
      const now = clock();
      const account = await ledger.account(principal.externalId, now);
      const nudges = nudgesOf(rowsOf(account, now), account.catalog);
      const open = nudges.filter(({ id }) => (account.dismissals.get(id) ?? 0) <= now);
      return { status: 200, body: { nudges: open.map(nudgeDocument) } };
    },
  );

  route(
    {
      method: 'post',
      path: '/v1/features/nudges/{id}/dismiss',
      tag: 'Features',
      summary: 'Put a nudge away, on every device of the customer',
      credential: 'dismiss_nudges',
      params: NudgeParams,
      body: DismissBody,
      replies: { 200: { description: 'Put away until then.', schema: DismissSchema } },
      problems: ['not_found'],
    },
    async ({ principal, ledger, params, body }) => {
      const now = clock();
      const account = await ledger.account(principal.externalId, now);
      const nudge = nudgesOf(rowsOf(account, now), account.catalog).find(({ id }) => id === params.id);
      if (nudge === undefined) throw new Problem('not_found', 'This customer has no such nudge now.');
      const until =
        body.snooze_seconds === undefined
          ? (nudge.row.period.end ?? now + DISMISSAL_DEFAULT_MS)
          : now + body.snooze_seconds * 1000;
      await ledger.dismissNudge(principal.externalId, params.id, until);
      return { status: 200, body: { dismissed_until: iso(until) } };
    },
  );

  async function checkReply(
    ledger: TenantLedger,
    externalId: string,
    feature: string,
    quantity: Decimal | null,
  ): Promise<Reply> {
    const now = clock();
    const account = await ledger.account(externalId, now, feature);
    const { customer, deleted, catalog } = account;
    const answer = check(
      feature,
      quantity,
      { customer, deleted, catalog, counterOf: counterIn(account) },
      now,
    );
    if (typeof answer === 'string') throw refusalProblem({ outcome: 'refused', code: answer, feature });
    return { status: 200, body: checkDocument(feature, answer, catalog, now) };
  }

  async function metricsReply(
    ledger: TenantLedger,
    externalId: string,
    feature: string | undefined,
  ): Promise<Reply> {
    const now = clock();
    const account = await ledger.account(externalId, now, feature);
    if (account.deleted) throw deletedCustomer(externalId);
    const rows = rowsOf(account, now, feature);
    return { status: 200, body: metricsDocument(externalId, rows, now) };
  }
}

function deletedCustomer(externalId: string): Problem {
  return new Problem(
    'customer_not_found',
    `The customer "${externalId}" has been deleted; POST /customers creates them anew.`,
  );
}
