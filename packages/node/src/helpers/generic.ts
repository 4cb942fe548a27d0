/** The session route for any framework: Web `Request` to `Response`, or Node's request and response. */
export { createSessionHandler, createSessionRoute } from '../session-route.ts';
export type { SessionRouteOptions, SessionUser } from '../session-route.ts';
