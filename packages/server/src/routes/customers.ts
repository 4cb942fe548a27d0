import type { z } from '@hono/zod-openapi';
import type { TenantLedger } from '../ledger/ledger.ts';
import type { Profile } from '../metering/customer.ts';
import type { Customer } from '../metering/subscription.ts';
import { Problem } from '../problems.ts';
import { customerDocument } from './documents.ts';
import type { DefineRoute, Reply } from './route.ts';
import {
  CustomerBody,
  CustomerPatchBody,
  CustomerSchema,
  DeletedSchema,
  ExternalIdParams,
  IdParams,
} from './schemas.ts';
import { refuseOwnId } from './track.ts';

/** Customers, served at the root and under `/v1` (wire contract §2). */
export function customerRoutes(route: DefineRoute, clock: () => number): void {
  const theCustomer = { 200: { description: 'The customer.', schema: CustomerSchema } };

  for (const prefix of ['', '/v1']) {
    route(
      {
        method: 'post',
        path: `${prefix}/customers`,
        tag: 'Customers',
        summary: 'Create a customer',
        description:
          'Answers 200 with the members merged when usage or a session had made the customer already, or when ' +
          'nothing differs. The only way back for one who was deleted, who begins anew.',
        credential: 'secret_key',
        body: CustomerBody,
        replies: {
          200: { description: 'There already.', schema: CustomerSchema },
          201: { description: 'Created.', schema: CustomerSchema },
        },
        problems: ['already_exists'],
      },
      async ({ ledger, body }) => {
        const externalId = body.external_user_id;
        await refuseOwnId(ledger, externalId, 'external_user_id');
        const { kind, customer } = await ledger.createCustomer(externalId, profileOf(body), clock());
        if (kind === 'conflict') {
          throw new Problem(
            'already_exists',
            `The customer "${externalId}" exists and differs; change it with PATCH /customers/${customer.id}.`,
            { customer_id: customer.id },
          );
        }
        return reply(ledger, customer, kind === 'created' ? 201 : 200);
      },
    );

    route(
      {
        method: 'get',
        path: `${prefix}/customers/external/{externalUserId}`,
        tag: 'Customers',
        summary: 'A customer by your own user id',
        credential: 'secret_key',
        params: ExternalIdParams,
        replies: theCustomer,
        problems: ['customer_not_found'],
      },
      async ({ ledger, params }) => {
        const customer = await ledger.customerByExternalId(params.externalUserId);
        if (customer === null)
          throw new Problem('customer_not_found', `No customer "${params.externalUserId}".`);
        return reply(ledger, customer);
      },
    );

    route(
      {
        method: 'get',
        path: `${prefix}/customers/{id}`,
        tag: 'Customers',
        summary: 'A customer by our id',
        credential: 'secret_key',
        params: IdParams,
        replies: theCustomer,
        problems: ['not_found'],
      },
      async ({ ledger, params }) => {
        const customer = await ledger.customer(params.id);
        if (customer?.deletedAt !== null) throw noCustomer(params.id);
        return reply(ledger, customer);
      },
    );

    route(
      {
        method: 'patch',
        path: `${prefix}/customers/{id}`,
        tag: 'Customers',
        summary: 'Change what is known of a customer',
        description: 'A member that is absent stays, `null` clears it, `metadata` is replaced as a whole.',
        credential: 'secret_key',
        params: IdParams,
        body: CustomerPatchBody,
        replies: theCustomer,
        problems: ['not_found'],
      },
      async ({ ledger, params, body }) => {
        const customer = await ledger.updateCustomer(params.id, profileOf(body), clock());
        if (customer === null) throw noCustomer(params.id);
        return reply(ledger, customer);
      },
    );

    route(
      {
        method: 'delete',
        path: `${prefix}/customers/{id}`,
        tag: 'Customers',
        summary: 'Forget a customer',
        description:
          'Personal data is gone, sessions and streams end, the plan ends; recorded events stay and belong to nobody.',
        credential: 'secret_key',
        params: IdParams,
        replies: { 200: { description: 'Deleted.', schema: DeletedSchema } },
        problems: ['not_found'],
      },
      async ({ ledger, params }) => {
        const deleted = await ledger.deleteCustomer(params.id, clock());
        if (!deleted) throw noCustomer(params.id);
        return { status: 200, body: { id: params.id, deleted: true } };
      },
    );
  }

  async function reply(ledger: TenantLedger, customer: Customer, status = 200): Promise<Reply> {
    const { catalog } = await ledger.catalog();
    return { status, body: customerDocument(customer, catalog, clock()) };
  }
}

function profileOf(body: z.output<typeof CustomerPatchBody>): Profile {
  return {
    externalOrganizationId: body.external_organization_id,
    email: body.email,
    name: body.name,
    metadata: body.metadata,
  };
}

function noCustomer(id: string): Problem {
  return new Problem('not_found', `There is no customer "${id}"; send our cus_… id.`);
}
