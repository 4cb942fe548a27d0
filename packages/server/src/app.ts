import { OpenAPIHono } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import { routePath } from 'hono/route';
import type { Context } from 'hono';
import { secretKeyLookup } from './auth/secret-keys.ts';
import { sessionGuard } from './auth/session-guard.ts';
import type { SessionTokens } from './auth/session-tokens.ts';
import { toJson } from './json.ts';
import { LedgerOverloadedError, LedgerUnavailableError, type Ledger } from './ledger/ledger.ts';
import { requestLimits, type LimitSettings } from './limits/request-limits.ts';
import { createHub, type Hub } from './live/hub.ts';
import { Problem } from './problems.ts';
import {
  API_VERSION,
  commonHeaders,
  DATA_POLICY,
  newRequestId,
  problemReply,
  type WrittenReply,
} from './replies.ts';
import { catalogRoutes } from './routes/catalog.ts';
import { customerRoutes } from './routes/customers.ts';
import { metricDocument, metricsDocument } from './routes/documents.ts';
import { dropInRoutes } from './routes/drop-in.ts';
import { healthRoutes } from './routes/health.ts';
import { referenceRoutes } from './routes/reference.ts';
import { hotPath, type HotPath } from './routes/hot-path.ts';
import { Routed, type Asked } from './routes/asked.ts';
import { routeDefiner, toResponse, type Answer, type AppEnv } from './routes/route.ts';
import { sessionTokenRoutes } from './routes/session-tokens.ts';
import { streamRoutes } from './routes/stream.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { trackRoutes } from './routes/track.ts';
import { usageRoutes } from './routes/usage.ts';

const PREFLIGHT_MAX_AGE_S = 86_400;

export interface AppOptions {
  ledger: Ledger;
  tokens: SessionTokens;
  clock: () => number;
  limits: LimitSettings;
  /** Where the drop-in's files are; without it the API serves none. */
  dropInFolder?: string;
  /** Told of errors that are no reply of the contract's. */
  onError?: (error: unknown, requestId: string) => void;
  /** Told of every reply, once it begins. */
  onReply?: ((reply: AnsweredRequest) => void) | undefined;
  /** Told how long a change waited until it was sent to those who watch. */
  onPush?: ((lagMs: number) => void) | undefined;
}

/** A request as metrics and logs may know it: nothing in it was chosen by the caller. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  /** The pattern, such as `/customers/:id`, and not the path. */
  readonly route: string;
  readonly status: number;
  readonly tookMs: number;
}

export interface App {
  readonly hono: OpenAPIHono<AppEnv>;
  /** What answers the busiest routes, to be asked first. */
  readonly hot: HotPath;
  /** Live streams that are open. */
  streams(): number;
  /** Ends live streams, with a word, and is not ready any more. Requests are still answered. */
  close(): void;
}

/** The usage API as a Hono application: every route, its documents and its errors. */
export function createApp(options: AppOptions): App {
  const { ledger, tokens, clock } = options;
  const app = new OpenAPIHono<AppEnv>();
  const hub = usageHub(ledger, clock, options.onPush);
  let leaving = false;

  app.use(async (c, next) => {
    const requestId = newRequestId();
    c.set('requestId', requestId);
    const begun = performance.now();
    await next();
    if (c.get('complete') !== true) addHeaders(c);
    const { status } = c.res;
    const tookMs = performance.now() - begun;
    options.onReply?.({ requestId, method: c.req.method, route: routePath(c, -1), status, tookMs });
  });
  const anyOrigin = cors({
    origin: '*',
    allowMethods: ['GET', 'POST'],
    allowHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'X-BillingOS-Version',
      'Last-Event-ID',
    ],
    exposeHeaders: ['X-Request-Id', 'Retry-After', 'Idempotent-Replayed', 'RateLimit', 'RateLimit-Policy'],
    maxAge: PREFLIGHT_MAX_AGE_S,
  });
  for (const path of ['/v1/features/*', '/v1/products', '/:file{billingos[A-Za-z0-9_.-]*\\.js}'])
    app.use(path, anyOrigin);

  const authenticator = {
    findSecretKey: secretKeyLookup(ledger, clock),
    tokens,
    sessionHolds: sessionGuard(ledger, clock),
  };
  const hot = new Map<string, Answer>();
  const route = routeDefiner(app, {
    authenticator,
    hot,
    limits: requestLimits(options.limits, clock),
    tenant: (tenantId, author) => ledger.tenant(tenantId, author),
  });
  trackRoutes(route);
  usageRoutes(route, clock);
  streamRoutes(route, hub);
  sessionTokenRoutes(route, tokens, clock);
  customerRoutes(route, clock);
  subscriptionRoutes(route, clock);
  catalogRoutes(route, clock);
  healthRoutes(
    route,
    () => ledger.isReady(),
    () => leaving,
  );
  let openapi: string | undefined;
  app.get('/openapi.json', (c) =>
    c.body((openapi ??= JSON.stringify(openApiDocument(app))), 200, { 'Content-Type': 'application/json' }),
  );
  referenceRoutes(app);
  if (options.dropInFolder !== undefined) dropInRoutes(app, options.dropInFolder);

  app.notFound((c) => {
    const methods = methodsOf(app, c.req.path);
    const others = methods.length === 0 ? '' : ` There is ${methods.join(', ')}.`;
    c.set('complete', true);
    const reply = toResponse(
      problemTo(
        new Routed(c),
        new Problem('not_found', `There is no ${c.req.method} ${c.req.path}.${others}`),
      ),
    );
    if (methods.length > 0) reply.headers.set('Allow', methods.join(', '));
    return reply;
  });
  const refuse = (error: unknown, asked: Asked): WrittenReply => {
    const problem = toProblem(error);
    if (problem !== error && problem.code !== 'overloaded') options.onError?.(error, asked.requestId);
    return problemTo(asked, problem);
  };
  app.onError((error, c) => {
    c.set('complete', true);
    return toResponse(refuse(error, new Routed(c)));
  });
  return {
    hono: app,
    hot: hotPath(hot, { refuse, onReply: options.onReply }),
    streams: () => hub.streams,
    close() {
      leaving = true;
      hub.close();
    },
  };
}

const DESCRIPTION = `Usage counted exactly once, limits enforced at the instant they are reached.

Servers send a secret key, \`sk_test_…\` or \`sk_live_…\`: one tenant, all its customers. Browsers send a session token,
\`bos_session_…\`: one customer, short-lived, made with \`POST /v1/session-tokens\`.

Give every usage event an idempotency key: the same key again answers with the first reply and counts nothing, for 36
days. A 201 is on disk. Errors carry a \`code\`, the facts and what to do next; 429 and 503 say when to try again.`;

/** The OpenAPI 3.1 document of the routes that an app has. */
export function openApiDocument(app: OpenAPIHono<AppEnv>): ReturnType<OpenAPIHono['getOpenAPI31Document']> {
  app.openAPIRegistry.registerComponent('securitySchemes', 'secretKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'A secret key, `sk_test_…` or `sk_live_…`, from a server.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'sessionToken', {
    type: 'http',
    scheme: 'bearer',
    description: 'A session token, `bos_session_…`, from a browser. Scopes name what it allows.',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'BillingOS usage API',
      version: API_VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
  });
}

function usageHub(ledger: Ledger, clock: () => number, onPush: AppOptions['onPush']): Hub {
  return createHub(ledger, {
    clock,
    metrics: (externalId, rows, now) => toJson(metricsDocument(externalId, rows, now)),
    metric: (row, now) => toJson(metricDocument(row, now)),
    onPush,
  });
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof LedgerOverloadedError) {
    return new Problem('overloaded', 'Too much is waiting to be written. Nothing was recorded; try again.');
  }
  if (error instanceof LedgerUnavailableError) {
    return new Problem('store_unavailable', 'The store did not answer; retry with the same idempotency key.');
  }
  return new Problem('internal_error', 'Something failed on our side; retry with the same idempotency key.');
}

function problemTo(asked: Asked, problem: Problem): WrittenReply {
  const asProblem = asked.header('accept')?.includes('application/problem+json') === true;
  const type = asProblem ? 'application/problem+json' : 'application/json';
  const reply = problemReply(problem, asked.requestId, type);
  return { ...reply, headers: { ...reply.headers, ...asked.told } };
}

/** To what is no data of ours: a page, a script, a stream. */
function addHeaders(c: Context<AppEnv>): void {
  const { headers } = c.res;
  const added = { ...commonHeaders(c.get('requestId')), ...c.get('told') };
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', DATA_POLICY);
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** The methods that a path has a route for. */
function methodsOf({ router }: OpenAPIHono<AppEnv>, path: string): string[] {
  return METHODS.filter((method) =>
    router.match(method, path)[0].some(([[, route]]) => route.method !== 'ALL'),
  );
}
