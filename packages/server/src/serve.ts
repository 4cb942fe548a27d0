import { setTimeout as pause } from 'node:timers/promises';
import { startAdmin } from './admin-server.ts';
import { startApi } from './api-server.ts';
import type { AppOptions } from './app.ts';
import { refuseInsecure } from './insecure.ts';
import type { SigningKey } from './ledger/ledger.ts';
import { UNOBSERVED } from './ledger/observer.ts';
import { errorFacts, type Log, type LogLevel } from './log.ts';
import type { LimitSettings } from './limits/request-limits.ts';
import type { Metrics } from './metrics.ts';
import type { AdminSettings, ListenSettings, StoreSettings } from './settings.ts';
import { describeStore, openStore, schemaOf } from './store.ts';

export interface ServeSettings {
  readonly listening: ListenSettings;
  readonly store: StoreSettings;
  readonly limits: LimitSettings;
  /** Without it the ring is kept in the store. */
  readonly ring: readonly SigningKey[] | undefined;
  /** Without it there are no metrics. */
  readonly admin: AdminSettings | undefined;
  readonly graceMs: number;
  readonly logLevel: LogLevel;
}

export interface ProductionServer {
  readonly url: string;
  readonly localUrl: string;
  /** Where metrics are. */
  readonly adminUrl: string | undefined;
  /** The store, by a name that can be printed. */
  readonly store: string;
  /** Turns the world away for a grace, then stops in order. */
  close(): Promise<void>;
}

/**
 * The production API: brings the store up to date and serves it; nothing is made up in it.
 * @param onFailure told when it can go on no more, and has to be started anew
 * @throws SettingsError for what is not secure, StoreInUseError when another server has the embedded store.
 */
export async function startServe(
  settings: ServeSettings,
  log: Log,
  onFailure: () => void,
): Promise<ProductionServer> {
  const { listening, store, limits, ring, admin, graceMs, logLevel } = settings;
  refuseInsecure(listening, store);
  const clock = Date.now;
  // Loaded only where it is asked for: it takes some 40 ms, and every command passes through this module.
  const metrics = admin && (await import('./metrics.ts')).createMetrics();
  const isNew = (await schemaOf(store)).present === 0;
  const { ledger, announce, release } = await openStore(store, clock, {
    ...(metrics?.ledger ?? UNOBSERVED),
    failed(error) {
      log('error', 'the store has failed: stopping, to be started anew', errorFacts(error));
      onFailure();
    },
  });
  try {
    const api = await startApi({
      ledger,
      listening,
      limits,
      ring,
      clock,
      onError: (error, requestId) =>
        log('error', 'request failed', { request_id: requestId, ...errorFacts(error) }),
      onReply: replyListener(metrics, logLevel, log),
      onPush: metrics && ((lagMs) => metrics.pushed(lagMs)),
    });
    const adminServer =
      admin &&
      metrics &&
      (await startAdmin(admin, { metrics, ledger, api }).catch(async (error: unknown) => {
        await api.close();
        throw error;
      }));
    announce(api.url);
    // Started in the wrong folder it would seem to have lost everything.
    if (isNew) log('info', 'the store is new and has no keys', { make_one_with: 'billingos keys create' });
    log('info', 'serving', { url: api.url, store: describeStore(store) });
    return {
      url: api.url,
      localUrl: api.localUrl,
      adminUrl: adminServer?.url,
      store: describeStore(store),
      async close() {
        api.leave();
        log('info', 'leaving: not ready any more, requests are still answered', { grace_ms: graceMs });
        await pause(graceMs);
        await api.close();
        await adminServer?.close();
        release();
        log('info', 'stopped');
      },
    };
  } catch (error) {
    await ledger.close();
    release();
    throw error;
  }
}

function replyListener(metrics: Metrics | undefined, logLevel: LogLevel, log: Log): AppOptions['onReply'] {
  if (logLevel !== 'requests') return metrics && ((reply) => metrics.replied(reply));
  return (reply) => {
    const { requestId, method, route, status, tookMs } = reply;
    metrics?.replied(reply);
    log('info', 'request', { request_id: requestId, method, route, status, took_ms: Math.round(tookMs) });
  };
}
