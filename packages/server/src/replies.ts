import { toJson } from './json.ts';
import { problemDocument, type Problem } from './problems.ts';
import { randomText } from './ledger/ids.ts';

/** What every reply has, whoever writes it: a route, or the server itself to what is no request. */

/** The API's version: replies echo it, clients may ask for it. */
export const API_VERSION = '2026-01-01';

const REQUEST_ID_BYTES = 9;

export function newRequestId(): string {
  return `req_${randomText(REQUEST_ID_BYTES, 'base64url')}`;
}

export function commonHeaders(requestId: string): Record<string, string> {
  return {
    'X-Request-Id': requestId,
    'X-BillingOS-Version': API_VERSION,
    'X-Content-Type-Options': 'nosniff',
  };
}

/** What is served as data has nothing to load and no business in a frame; pages bring a policy of their own. */
export const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** What every reply that is data carries. */
export function dataHeaders(requestId: string, contentType = 'application/json'): Record<string, string> {
  return {
    'Content-Type': contentType,
    'Cache-Control': 'no-store',
    'Content-Security-Policy': DATA_POLICY,
    ...commonHeaders(requestId),
  };
}

export function problemReply(problem: Problem, requestId: string, contentType?: string): WrittenReply {
  return {
    status: problem.status,
    body: toJson(problemDocument(problem, requestId)),
    headers: { ...dataHeaders(requestId, contentType), ...problem.headers },
  };
}

/** A reply as it goes out. */
export interface WrittenReply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The reply of a route that answers data. */
export function dataReply(
  { requestId, told }: { requestId: string; told: Record<string, string> | undefined },
  { status, body, headers }: { status: number; body: unknown; headers?: Record<string, string> },
): WrittenReply {
  // Not spread: V8 gives an object that begins as a spread and is added to a hidden class of its own, each time anew.
  return { status, body: toJson(body), headers: Object.assign(dataHeaders(requestId), told, headers) };
}
