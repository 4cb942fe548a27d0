import { randomBytes } from 'node:crypto';
import { toJson } from './json.ts';
import { problemDocument, type Problem } from './problems.ts';

/** What every reply has, whoever writes it: a route, or the server itself to what is no request. */

/** The API's version: replies echo it, clients may ask for it. */
export const API_VERSION = '2026-01-01';

const REQUEST_ID_BYTES = 9;

export function newRequestId(): string {
  return `req_${randomBytes(REQUEST_ID_BYTES).toString('base64url')}`;
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

export function problemReply(problem: Problem, requestId: string, contentType = 'application/json') {
  return {
    status: problem.status,
    body: toJson(problemDocument(problem, requestId)),
    headers: { 'Content-Type': contentType, 'Cache-Control': 'no-store', ...problem.headers },
  };
}
