import { SCOPES, type SessionTokens } from '../auth/session-tokens.ts';
import type { TenantLedger } from '../ledger/ledger.ts';
import { Problem } from '../problems.ts';
import { iso } from './documents.ts';
import type { DefineRoute } from './route.ts';
import { SessionTokenBody, SessionTokenSchema } from './schemas.ts';
import { refuseOwnId } from './track.ts';

export function sessionTokenRoutes(
  route: DefineRoute,
  tenant: (tenantId: string) => TenantLedger,
  tokens: SessionTokens,
  clock: () => number,
): void {
  route(
    {
      method: 'post',
      path: '/v1/session-tokens',
      tag: 'Session tokens',
      summary: 'Make a short-lived credential for one customer’s browser',
      credential: 'secret_key',
      body: SessionTokenBody,
      replies: { 201: { description: 'The token. It is shown once.', schema: SessionTokenSchema } },
      problems: ['customer_not_found'],
    },
    async ({ principal, body }) => {
      const now = clock();
      const ledger = tenant(principal.tenantId);
      await refuseOwnId(ledger, body.externalUserId, 'externalUserId');
      const { email, externalOrganizationId } = body;
      const customer = await ledger.ensureCustomer(
        body.externalUserId,
        { email, externalOrganizationId },
        now,
      );
      if (customer === null) {
        throw new Problem(
          'customer_not_found',
          'There is no such customer, and no default product to put one on.',
        );
      }
      const scopes = SCOPES.filter((scope) => body.allowedOperations.includes(scope));
      const expiresAt = (Math.floor(now / 1000) + body.expiresIn) * 1000;
      const { token, tokenId } = await tokens.issue(
        { tenantId: principal.tenantId, externalId: body.externalUserId, scopes, expiresAt },
        principal.mode,
      );
      return {
        status: 201,
        body: { sessionToken: token, expiresAt: iso(expiresAt), tokenId, allowedOperations: scopes },
      };
    },
  );
}
