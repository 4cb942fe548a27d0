import type { TenantLedger, Updated } from '../ledger/ledger.ts';
import type { Subscription } from '../metering/subscription.ts';
import { Problem } from '../problems.ts';
import { subscriptionDocument } from './documents.ts';
import type { DefineRoute, Reply } from './route.ts';
import {
  CancelBody,
  CustomerQuery,
  EmptyBody,
  IdParams,
  SubscribeBody,
  SubscriptionPatchBody,
  SubscriptionSchema,
  SubscriptionsSchema,
} from './schemas.ts';

/** Subscriptions, served at the root and under `/v1` (wire contract §2, §4). */
export function subscriptionRoutes(route: DefineRoute, clock: () => number): void {
  const asItIsNow = { 200: { description: 'The subscription as it is now.', schema: SubscriptionSchema } };

  for (const prefix of ['', '/v1']) {
    const credential = 'secret_key';
    const tag = 'Subscriptions';

    route(
      {
        method: 'post',
        path: `${prefix}/subscriptions`,
        tag,
        summary: 'Put a customer on a price',
        description:
          'Replaces a default subscription. The same price again answers 200 with the existing one.',
        credential,
        body: SubscribeBody,
        replies: {
          200: { description: 'Subscribed to this price already.', schema: SubscriptionSchema },
          201: { description: 'Subscribed.', schema: SubscriptionSchema },
        },
        problems: ['customer_not_found', 'not_found', 'already_exists'],
      },
      async ({ ledger, body }) => {
        const outcome = await ledger.subscribe(body.customer_id, body.price_id, body.metadata ?? {}, clock());
        switch (outcome.kind) {
          case 'no_customer':
            throw noCustomer(body.customer_id);
          case 'no_price':
            throw noPrice(body.price_id);
          case 'conflict':
            throw new Problem(
              'already_exists',
              'The customer has another subscription; change it with PATCH.',
              { subscription_id: outcome.subscription.id },
            );
          default:
            return reply(ledger, outcome.subscription, outcome.kind === 'created' ? 201 : 200);
        }
      },
    );

    route(
      {
        method: 'get',
        path: `${prefix}/subscriptions`,
        tag,
        summary: 'A customer’s subscriptions, newest first',
        credential,
        query: CustomerQuery,
        replies: {
          200: { description: 'The newest 100, ended ones too.', schema: SubscriptionsSchema },
        },
        problems: ['customer_not_found'],
      },
      async ({ ledger, query }) => {
        const found = await ledger.subscriptions(query.customer_id);
        if (found === null) throw noCustomer(query.customer_id);
        const { catalog } = await ledger.catalog();
        const now = clock();
        const subscriptions = found.map((one) => subscriptionDocument(one, catalog, now));
        return { status: 200, body: { subscriptions } };
      },
    );

    route(
      {
        method: 'get',
        path: `${prefix}/subscriptions/{id}`,
        tag,
        summary: 'A subscription',
        credential,
        params: IdParams,
        replies: asItIsNow,
        problems: ['not_found'],
      },
      async ({ ledger, params }) => {
        const subscription = await ledger.subscription(params.id);
        if (subscription === null) throw noSubscription(params.id);
        return reply(ledger, subscription);
      },
    );

    route(
      {
        method: 'patch',
        path: `${prefix}/subscriptions/{id}`,
        tag,
        summary: 'Change a subscription’s price, status or end',
        credential,
        params: IdParams,
        body: SubscriptionPatchBody,
        replies: asItIsNow,
        problems: ['not_found', 'not_reactivatable'],
      },
      async ({ ledger, params, body }) => {
        const change = {
          priceId: body.price_id,
          cancelAtPeriodEnd: body.cancel_at_period_end,
          status: body.status,
          metadata: body.metadata,
        };
        const outcome = await ledger.updateSubscription(params.id, change, clock());
        return reply(ledger, live(outcome, params.id, body.price_id));
      },
    );

    route(
      {
        method: 'post',
        path: `${prefix}/subscriptions/{id}/cancel`,
        tag,
        summary: 'Cancel a subscription, at the end of the period paid for or at once',
        description: 'From then on the customer is on the default product, if there is one.',
        credential,
        params: IdParams,
        body: CancelBody,
        replies: asItIsNow,
        problems: ['not_found'],
      },
      async ({ ledger, params, body }) => {
        const change = body.immediately ? { cancelImmediately: true } : { cancelAtPeriodEnd: true };
        const outcome = await ledger.updateSubscription(params.id, change, clock());
        // What has ended is canceled: to ask for it again changes nothing.
        return reply(ledger, outcome.kind === 'ended' ? outcome.subscription : live(outcome, params.id));
      },
    );

    route(
      {
        method: 'post',
        path: `${prefix}/subscriptions/{id}/reactivate`,
        tag,
        summary: 'Take a cancellation back, before it has taken effect',
        credential,
        params: IdParams,
        body: EmptyBody,
        replies: asItIsNow,
        problems: ['not_found', 'not_reactivatable'],
      },
      async ({ ledger, params }) => {
        const outcome = await ledger.updateSubscription(params.id, { cancelAtPeriodEnd: false }, clock());
        return reply(ledger, live(outcome, params.id));
      },
    );
  }

  async function reply(ledger: TenantLedger, subscription: Subscription, status = 200): Promise<Reply> {
    const { catalog } = await ledger.catalog();
    return { status, body: subscriptionDocument(subscription, catalog, clock()) };
  }
}

/** The subscription that an update left. @throws Problem for one that is not there or has ended. */
function live(outcome: Updated, id: string, priceId = ''): Subscription {
  switch (outcome.kind) {
    case 'no_subscription':
      throw noSubscription(id);
    case 'no_price':
      throw noPrice(priceId);
    case 'ended':
      throw new Problem('not_reactivatable', 'The subscription has ended; make a new one.');
    default:
      return outcome.subscription;
  }
}

function noCustomer(id: string): Problem {
  return new Problem('customer_not_found', `There is no customer "${id}"; send our cus_… id.`);
}

function noSubscription(id: string): Problem {
  return new Problem('not_found', `There is no subscription "${id}".`);
}

function noPrice(id: string): Problem {
  return new Problem('not_found', `The catalog has no price "${id}".`);
}
