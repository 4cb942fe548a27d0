import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { createApp, type App, type AppOptions } from './app.ts';
import { generateSigningKey, sessionTokens } from './auth/session-tokens.ts';
import type { Ledger, SigningKey } from './ledger/ledger.ts';
import type { LimitSettings } from './limits/request-limits.ts';
import { listen } from './server.ts';
import type { ListenSettings } from './settings.ts';

const DROP_IN_FOLDER = join(import.meta.dirname, '..', 'public');

/** How often what has expired is let go of. */
const SWEEP_EVERY_MS = 3_600_000;

export type ReportError = (error: unknown, requestId: string) => void;

/** The usage API on a ledger, listening. */
export interface ApiServer {
  /** Where clients reach it. */
  readonly url: string;
  /** Where it listens. */
  readonly localUrl: string;
  /** Live streams that are open. */
  streams(): number;
  /** Answers a request that came in elsewhere. */
  fetch(request: Request): Response | Promise<Response>;
  /** From here on `/readyz` says no, and live streams are ended with a word. Requests are still answered. */
  leave(): void;
  /** Takes no new connection, lets requests finish, and closes the ledger. */
  close(): Promise<void>;
}

export interface ApiServerOptions {
  ledger: Ledger;
  listening: ListenSettings;
  /** The ring of session-token keys; without it the store's own. */
  ring?: readonly SigningKey[] | undefined;
  limits: LimitSettings;
  clock: () => number;
  onError: ReportError;
  onReply?: AppOptions['onReply'];
  onPush?: AppOptions['onPush'];
  /** Adds routes of the caller's own; `url` is known once it listens. */
  extend?: (app: App['hono'], url: () => string) => void;
}

export async function startApi(options: ApiServerOptions): Promise<ApiServer> {
  // V8 would soon make much of a request in the old generation, where it outlives its reply and holds what it refers to.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const { ledger, listening, limits, clock, onError, onReply, onPush } = options;
  const ring = options.ring ?? (await ledger.signingKeys(generateSigningKey(), clock()));
  let url = listening.publicUrl ?? '';
  const tokens = sessionTokens(ring, { issuer: () => url, clock });
  const app = createApp({
    ledger,
    tokens,
    clock,
    limits,
    dropInFolder: DROP_IN_FOLDER,
    onError,
    onReply,
    onPush,
  });
  options.extend?.(app.hono, () => url);
  const server = await listen(app.hono.fetch, listening, app.hot);
  url = listening.publicUrl ?? server.url;
  const sweeping = setInterval(() => {
    ledger.sweep(clock()).catch((error: unknown) => onError(error, 'sweep'));
  }, SWEEP_EVERY_MS).unref();
  return {
    url,
    localUrl: server.url,
    streams: () => app.streams(),
    fetch: (request) => app.hono.fetch(request),
    leave() {
      app.close();
      server.leave();
    },
    async close() {
      clearInterval(sweeping);
      app.close();
      await server.close();
      await ledger.close();
    },
  };
}
