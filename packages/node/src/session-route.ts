import type { IncomingMessage, ServerResponse } from 'node:http';
import { normalizeApiUrl } from '../../../src/client/api-url.ts';
import { ConfigurationError } from '../../../src/client/errors.ts';
import { BillingOS, type BillingOSOptions } from './billing-os.ts';
import { tell } from './tell.ts';

/** Who is logged in at the host. */
export interface SessionUser {
  /** The merchant's own user id. */
  userId: string;
  organizationId?: string | undefined;
}

/** Nobody is logged in unless a user is named. */
type MaybeUser = SessionUser | null | undefined;

/** The SDK's options, and what the tokens are like. */
export interface SessionRouteOptions extends Omit<BillingOSOptions, 'buffer'> {
  /** The usage API's base URL as browsers reach it. `apiUrl` unless given. */
  publicApiUrl?: string | undefined;
  /** Seconds a token lives, 60 to 86 400. 3 600 unless given. */
  expiresIn?: number | undefined;
  /** What the tokens allow, as of `createSessionToken`. Everything a customer may do, unless given. */
  allowedOperations?: readonly string[] | undefined;
  /** Told of failures: the reply says nothing of their cause. Writes a line to the console's errors unless given. */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * The session route (UI contract §2) as a Web handler: 200 `{sessionToken, expiresAt, apiUrl}` for whom `callback`
 * names, 401 when it answers null, 500 without a reason when anything fails. Never rejects.
 */
export function createSessionRoute(
  options: SessionRouteOptions,
  callback: (request: Request) => MaybeUser | Promise<MaybeUser>,
): (request: Request) => Promise<Response> {
  const answer = createAnswer(options);
  return async (request) => {
    const { status, body } = await answer(async () => callback(request));
    return new Response(JSON.stringify(body), { status, headers: HEADERS });
  };
}

/** The same for Node's `http`, Express and their kin. */
export function createSessionHandler<Incoming extends IncomingMessage = IncomingMessage>(
  options: SessionRouteOptions,
  callback: (request: Incoming) => MaybeUser | Promise<MaybeUser>,
): (request: Incoming, response: ServerResponse) => Promise<void> {
  const answer = createAnswer(options);
  return async (request, response) => {
    const { status, body } = await answer(async () => callback(request));
    if (response.headersSent) return;
    response.writeHead(status, HEADERS).end(JSON.stringify(body));
  };
}

/** Names of members that an error message lists at most. */
const NAMES_SHOWN_MAX = 10;

const HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };

interface Answer {
  status: number;
  body: object;
}

type FindUser = () => Promise<MaybeUser>;

function createAnswer(options: SessionRouteOptions): (findUser: FindUser) => Promise<Answer> {
  const { expiresIn, allowedOperations, onError = logError, publicApiUrl, ...billingOptions } = options;
  const billing = new BillingOS(billingOptions);
  const publicUrl = publicApiUrl === undefined ? undefined : normalizeApiUrl(publicApiUrl);
  return async (findUser) => {
    try {
      const found = await findUser();
      if (found == null) return refusal(401, 'unauthenticated', 'Nobody is signed in.');
      const user = checkUser(found);
      const { sessionToken, expiresAt } = await billing.createSessionToken({
        externalUserId: user.userId,
        externalOrganizationId: user.organizationId,
        expiresIn,
        allowedOperations,
      });
      return {
        status: 200,
        body: { sessionToken, expiresAt: expiresAt.toISOString(), apiUrl: publicUrl ?? billing.apiUrl },
      };
    } catch (error) {
      tell(() => onError(error));
      return refusal(500, 'session_failed', 'The session could not be made.');
    }
  };
}

/** Hosts without types return their own user, whose id has another name or is a number. */
function checkUser(found: unknown): SessionUser {
  const { userId } = found as { userId?: unknown };
  if (typeof userId === 'string' && userId !== '') return found as SessionUser;
  throw new ConfigurationError(
    `The callback returned ${shapeOf(found)}; return { userId }, a non-empty string, or null.`,
  );
}

/** What a value looks like, by names alone: its contents may be private. */
function shapeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  const names = Object.keys(value);
  const more = names.length > NAMES_SHOWN_MAX ? ', …' : '';
  return `{${names.slice(0, NAMES_SHOWN_MAX).join(', ')}${more}}`;
}

function logError(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  // eslint-disable-next-line no-console -- the reply hides the cause, so the server's log is where it can be found
  console.error(`BillingOS session route: ${message.replaceAll(/\s+/g, ' ')}`);
}

function refusal(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}
