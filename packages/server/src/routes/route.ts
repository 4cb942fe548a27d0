import type { HttpBindings } from '@hono/node-server';
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { z } from '@hono/zod-openapi';
import {
  authenticate,
  type Authenticator,
  type Credential,
  type Principal,
  type PrincipalOf,
} from '../auth/authenticate.ts';
import type { Author } from '../ledger/audit-trail.ts';
import type { TenantLedger } from '../ledger/ledger.ts';
import type { LimitedRequest, RequestLimits } from '../limits/request-limits.ts';
import {
  ISSUES_MAX,
  Problem,
  problemDocument,
  PROBLEMS,
  validationProblem,
  type ProblemCode,
} from '../problems.ts';
import { dataReply, type WrittenReply } from '../replies.ts';
import { Routed, type Asked } from './asked.ts';
import { problemDetails } from './examples.ts';
import { readJson } from './json-body.ts';
import { ProblemSchema } from './schemas.ts';

/**
 * One way to make a route: it names its credential, its input and its replies; the OpenAPI document is generated
 * from the same words. A route without a credential cannot be written.
 */

/** What every request carries. */
export interface AppEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    told?: Record<string, string>;
    /** The reply was made with all its headers: one by one they take a fifth of a request's time. */
    complete?: true;
  };
}

type Shape = z.ZodObject | undefined;
type Output<S extends Shape> = S extends z.ZodObject ? z.output<S> : undefined;

export interface RouteSpec<
  C extends Credential,
  Params extends Shape,
  Query extends Shape,
  Body extends Shape,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With OpenAPI's `{name}` for parameters. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  credential: C;
  params?: Params;
  query?: Query;
  body?: Body;
  bodyBytesMax?: number;
  replies: Record<number, { description: string; schema?: z.ZodType; contentType?: string }>;
  problems?: readonly ProblemCode[];
  /** Answered past the router where the request is an ordinary one: data only, to a path without parameters. */
  isHot?: true;
}

export interface RouteRequest<
  C extends Credential,
  Params extends Shape,
  Query extends Shape,
  Body extends Shape,
> {
  principal: PrincipalOf<C>;
  /** The ledger of the credential's tenant: no route can reach another one's. */
  ledger: C extends 'anyone' ? null : TenantLedger;
  params: Output<Params>;
  query: Output<Query>;
  body: Output<Body>;
  header: (name: string) => string | undefined;
  requestId: string;
  /** Aborted when whoever asks has gone; made when asked for, as few routes wait long enough to care. */
  signal: () => AbortSignal;
}

export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

export type DefineRoute = <
  C extends Credential,
  Params extends Shape = undefined,
  Query extends Shape = undefined,
  Body extends Shape = undefined,
>(
  spec: RouteSpec<C, Params, Query, Body>,
  handle: (request: RouteRequest<C, Params, Query, Body>) => Promise<Reply | Response> | Reply | Response,
) => void;

/** All that a route does with a request, from its credential to its reply. */
export type Answer<R = Reply> = (asked: Asked) => Promise<R>;

/** What every route is made with, and none gets hold of. */
interface RouteContext {
  authenticator: Authenticator;
  limits: (request: LimitedRequest) => RequestLimits;
  tenant: (tenantId: string, author: Author) => TenantLedger;
  /** Where hot routes are added, by method and path. */
  hot: Map<string, Answer>;
}

export const BODY_BYTES_MAX = 64 * 1024;

const ISSUE_CHARS_MAX = 200;

export function routeDefiner(app: OpenAPIHono<AppEnv>, context: RouteContext): DefineRoute {
  const { authenticator, limits, tenant, hot } = context;
  return (spec, handle) => {
    const answer: Answer<Reply | Response> = async (asked) => {
      const principal =
        spec.credential === 'anyone'
          ? null
          : await authenticate(
              asked.header('authorization'),
              spec.credential,
              authenticator,
              limits(asLimited(asked)),
            );
      const sent = spec.body && (await readJson(asked, spec.bodyBytesMax ?? BODY_BYTES_MAX));
      if (isScope(spec.credential)) refuseNamedCustomer(asked.query(), sent);
      const params = spec.params && parse(spec.params, asked.params(), 'path');
      const query = spec.query && parse(spec.query, asked.query(), 'query');
      const body = spec.body && parse(spec.body, sent, 'body');
      const { requestId } = asked;
      return handle({
        principal,
        ledger: principal && tenant(principal.tenantId, { keyId: keyIdOf(principal), requestId }),
        params,
        query,
        body,
        header: (name: string) => asked.header(name),
        requestId,
        // No getter: V8 gives each object that has one a hidden class, through which the request outlives its reply.
        signal: () => asked.signal,
      } as Parameters<typeof handle>[0]);
    };
    app.openAPIRegistry.registerPath(toRouteConfig(spec));
    if (spec.isHot) hot.set(`${spec.method.toUpperCase()} ${spec.path}`, answer as Answer);
    app.on(spec.method, spec.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (c) => {
      const asked = new Routed(c);
      const reply = await answer(asked);
      if (!(reply instanceof Response)) {
        c.set('complete', true);
        return toResponse(dataReply(asked, reply));
      }
      // A HEAD is answered without the body: a stream that nobody will read ends here.
      if (c.req.method !== 'HEAD') return reply;
      await reply.body?.cancel();
      return new Response(null, reply);
    });
  };
}

/** A reply for the router. */
export function toResponse({ status, headers, body }: WrittenReply): Response {
  return new Response(body, { status, headers });
}

/** The key that asks, or that made the session which asks. */
function keyIdOf(principal: Principal): string {
  return 'id' in principal ? principal.id : principal.keyId;
}

function asLimited(asked: Asked): LimitedRequest {
  return {
    peer: asked.incoming.socket.remoteAddress,
    forwardedFor: asked.header('x-forwarded-for'),
    tell: (fields) => asked.tell(fields),
  };
}

function isScope(credential: Credential): boolean {
  return credential !== 'anyone' && credential !== 'secret_key';
}

/** The token says who the customer is: a request that names one expects what it must not get. */
function refuseNamedCustomer(...inputs: unknown[]): void {
  if (!inputs.some((input) => typeof input === 'object' && input !== null && 'customer_id' in input)) return;
  throw new Problem('forbidden', 'A session token stands for one customer already; leave customer_id out.');
}

/**
 * What a schema makes of an input.
 * @throws Problem `validation_failed` with every issue.
 */
export function parse<S extends z.ZodObject>(
  schema: S,
  input: unknown,
  where: 'path' | 'query' | 'body' | 'item',
): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, ISSUES_MAX).map(({ path, message }) => ({
    path: shortened(path.map(String).join('.')),
    message: shortened(message),
  }));
  const [first] = issues;
  const named =
    first === undefined || first.path === '' ? (first?.message ?? '') : `${first.path}: ${first.message}`;
  throw validationProblem(`The ${where} is not valid. ${named}`, issues);
}

/** Issues name what was sent: a reply must not be as long as a request that was made to be. */
function shortened(text: string): string {
  return text.length <= ISSUE_CHARS_MAX ? text : `${text.slice(0, ISSUE_CHARS_MAX).toWellFormed()}…`;
}

function toRouteConfig(spec: RouteSpec<Credential, Shape, Shape, Shape>): RouteConfig {
  const { credential, body } = spec;
  const codes: readonly ProblemCode[] = [
    ...(spec.problems ?? []),
    ...(credential === 'anyone' ? [] : (['unauthenticated', 'forbidden', 'rate_limited'] as const)),
    ...(body === undefined
      ? []
      : (['invalid_json', 'payload_too_large', 'unsupported_media_type', 'validation_failed'] as const)),
    ...(spec.query === undefined && spec.params === undefined ? [] : (['validation_failed'] as const)),
    ...(credential === 'anyone' ? [] : (['overloaded', 'store_unavailable'] as const)),
  ];
  return {
    method: spec.method,
    path: spec.path,
    tags: [spec.tag],
    summary: spec.summary,
    operationId: operationId(spec.method, spec.path),
    ...(spec.description === undefined ? {} : { description: spec.description }),
    security:
      credential === 'anyone'
        ? []
        : [credential === 'secret_key' ? { secretKey: [] } : { sessionToken: [credential] }],
    request: {
      ...(spec.params && { params: spec.params }),
      ...(spec.query && { query: spec.query }),
      ...(body && {
        body: { required: !body.safeParse({}).success, content: { 'application/json': { schema: body } } },
      }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(spec.replies).map(
          ([status, { description, schema, contentType = 'application/json' }]) => [
            status,
            { description, ...(schema && { content: { [contentType]: { schema } } }) },
          ],
        ),
      ),
      ...problemReplies([...new Set(codes)]),
    },
  };
}

function operationId(method: string, path: string): string {
  const words = path.split(/[^a-zA-Z0-9]+/).filter((word) => word !== '');
  return [method, ...words]
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('');
}

function problemReplies(codes: readonly ProblemCode[]): RouteConfig['responses'] {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes)
    byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, at]) => [
      status,
      {
        description: at.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('. '),
        content: {
          'application/json': {
            schema: ProblemSchema,
            examples: Object.fromEntries(at.map((code) => [code, problemExample(code)])),
          },
        },
      },
    ]),
  );
}

function problemExample(code: ProblemCode): { summary: string; value: unknown } {
  const details: Partial<Record<ProblemCode, Record<string, unknown>>> = problemDetails;
  const { title } = PROBLEMS[code];
  return {
    summary: title,
    value: problemDocument(new Problem(code, `${title}.`, details[code]), 'req_9pWmQ2vLxT0A'),
  };
}
