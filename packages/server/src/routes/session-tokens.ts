import { SCOPES, SESSION_SECONDS_MAX, TOKEN_ID, type SessionTokens } from '../auth/session-tokens.ts';
import { Problem } from '../problems.ts';
import { iso } from './documents.ts';
import type { DefineRoute } from './route.ts';
import { MessageSchema, SessionTokenBody, SessionTokenSchema, TokenIdParams } from './schemas.ts';
import { NO_CUSTOMER, refuseOwnId } from './track.ts';

export function sessionTokenRoutes(route: DefineRoute, tokens: SessionTokens, clock: () => number): void {
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
    async ({ principal, ledger, body }) => {
      const now = clock();
      await refuseOwnId(ledger, body.externalUserId, 'externalUserId');
      const { email, externalOrganizationId } = body;
      const customer = await ledger.ensureCustomer(
        body.externalUserId,
        { email, externalOrganizationId },
        now,
      );
      if (customer === null) {
        throw new Problem('customer_not_found', NO_CUSTOMER);
      }
      const scopes = SCOPES.filter((scope) => body.allowedOperations.includes(scope));
      const expiresAt = (Math.floor(now / 1000) + body.expiresIn) * 1000;
      const { token, tokenId } = await tokens.issue(
        {
          tenantId: principal.tenantId,
          externalId: body.externalUserId,
          customerId: customer.id,
          keyId: principal.id,
          scopes,
          expiresAt,
        },
        principal.mode,
      );
      return {
        status: 201,
        body: { sessionToken: token, expiresAt: iso(expiresAt), tokenId, allowedOperations: scopes },
      };
    },
  );
  route(
    {
      method: 'delete',
      path: '/v1/session-tokens/{tokenId}',
      tag: 'Session tokens',
      summary: 'Revoke a session token, on every process within 5 seconds',
      credential: 'secret_key',
      params: TokenIdParams,
      replies: { 200: { description: 'Revoked, now or before.', schema: MessageSchema } },
      problems: ['not_found'],
    },
    async ({ ledger, params }) => {
      const { tokenId } = params;
      if (!TOKEN_ID.test(tokenId)) {
        throw new Problem(
          'not_found',
          `"${tokenId}" is no token id; send the tokenId that came with the token.`,
        );
      }
      // Tokens are not stored. None made until now lives longer than this.
      const now = clock();
      await ledger.revokeToken(tokenId, now + SESSION_SECONDS_MAX * 1000, now);
      return { status: 200, body: { message: `Session token ${tokenId} is revoked.` } };
    },
  );
}
