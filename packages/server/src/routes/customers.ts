import type { TenantLedger } from '../ledger/ledger.ts';
import type { Subscription } from '../metering/subscription.ts';
import { Problem } from '../problems.ts';
import { customerDocument, subscriptionDocument } from './documents.ts';
import type { DefineRoute, Reply } from './route.ts';
import {
  CustomerSchema,
  ExternalIdParams,
  IdParams,
  SubscribeBody,
  SubscriptionPatchBody,
  SubscriptionSchema,
} from './schemas.ts';

/** Customers and their subscriptions, served at the root and under `/v1` (wire contract §2, §4). */
export function customerRoutes(
  route: DefineRoute,
  tenant: (tenantId: string) => TenantLedger,
  clock: () => number,
): void {
  for (const prefix of ['', '/v1']) {
    route(
      {
        method: 'get',
        path: `${prefix}/customers/external/{externalUserId}`,
        tag: 'Customers',
        summary: 'A customer by your own user id',
        credential: 'secret_key',
        params: ExternalIdParams,
        replies: { 200: { description: 'The customer.', schema: CustomerSchema } },
        problems: ['customer_not_found'],
      },
      async ({ principal, params }) => {
        const ledger = tenant(principal.tenantId);
        const customer = await ledger.customerByExternalId(params.externalUserId);
        if (customer === null)
          throw new Problem('customer_not_found', `No customer "${params.externalUserId}".`);
        const { catalog } = await ledger.catalog();
        return { status: 200, body: customerDocument(customer, catalog, clock()) };
      },
    );

    route(
      {
        method: 'post',
        path: `${prefix}/subscriptions`,
        tag: 'Subscriptions',
        summary: 'Put a customer on a price',
        description:
          'Replaces a default subscription. The same price again answers 200 with the existing one.',
        credential: 'secret_key',
        body: SubscribeBody,
        replies: {
          200: { description: 'Subscribed to this price already.', schema: SubscriptionSchema },
          201: { description: 'Subscribed.', schema: SubscriptionSchema },
        },
        problems: ['customer_not_found', 'not_found', 'already_exists'],
      },
      async ({ principal, body }) => {
        const ledger = tenant(principal.tenantId);
        const outcome = await ledger.subscribe(body.customer_id, body.price_id, body.metadata ?? {}, clock());
        switch (outcome.kind) {
          case 'no_customer':
            throw new Problem(
              'customer_not_found',
              `There is no customer "${body.customer_id}"; send our cus_… id.`,
            );
          case 'no_price':
            throw new Problem('not_found', `The catalog has no price "${body.price_id}".`);
          case 'conflict':
            throw new Problem(
              'already_exists',
              'The customer has another subscription; change it with PATCH.',
              {
                subscription_id: outcome.subscription.id,
              },
            );
          default:
            return subscriptionReply(ledger, outcome.subscription, outcome.kind === 'created' ? 201 : 200);
        }
      },
    );

    route(
      {
        method: 'patch',
        path: `${prefix}/subscriptions/{id}`,
        tag: 'Subscriptions',
        summary: 'Change a subscription’s price, status or end',
        credential: 'secret_key',
        params: IdParams,
        body: SubscriptionPatchBody,
        replies: { 200: { description: 'The subscription as it is now.', schema: SubscriptionSchema } },
        problems: ['not_found', 'not_reactivatable'],
      },
      async ({ principal, params, body }) => {
        const ledger = tenant(principal.tenantId);
        const change = {
          priceId: body.price_id,
          cancelAtPeriodEnd: body.cancel_at_period_end,
          status: body.status,
          metadata: body.metadata,
        };
        const outcome = await ledger.updateSubscription(params.id, change, clock());
        switch (outcome.kind) {
          case 'no_subscription':
            throw new Problem('not_found', `There is no subscription "${params.id}".`);
          case 'no_price':
            throw new Problem('not_found', `The catalog has no price "${body.price_id ?? ''}".`);
          case 'ended':
            throw new Problem('not_reactivatable', 'The subscription has ended; make a new one.');
          default:
            return subscriptionReply(ledger, outcome.subscription, 200);
        }
      },
    );
  }

  async function subscriptionReply(
    ledger: TenantLedger,
    subscription: Subscription,
    status: number,
  ): Promise<Reply> {
    const { catalog } = await ledger.catalog();
    return { status, body: subscriptionDocument(subscription, catalog, clock()) };
  }
}
