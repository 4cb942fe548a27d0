import { setTimeout as pause } from 'node:timers/promises';
import { startApi, type ReportError } from './api-server.ts';
import { refuseInsecure } from './insecure.ts';
import type { SigningKey } from './ledger/ledger.ts';
import type { LimitSettings } from './limits/request-limits.ts';
import type { ListenSettings, StoreSettings } from './settings.ts';
import { describeStore, openStore } from './store.ts';

export interface ServeSettings {
  readonly listening: ListenSettings;
  readonly store: StoreSettings;
  readonly limits: LimitSettings;
  /** Without it the ring is kept in the store. */
  readonly ring: readonly SigningKey[] | undefined;
}

export interface ProductionServer {
  readonly url: string;
  readonly localUrl: string;
  /** The store, by a name that can be printed. */
  readonly store: string;
  close(): Promise<void>;
}

/** How long requests are still taken after `/readyz` has said no, for load balancers to look and turn away. */
const LEAVING_MS = 1_000;

/**
 * The production API: brings the store up to date and serves it; nothing is made up in it.
 * @throws SettingsError for what is not secure, StoreInUseError when another server has the embedded store.
 */
export async function startServe(settings: ServeSettings, onError: ReportError): Promise<ProductionServer> {
  const { listening, store, limits, ring } = settings;
  refuseInsecure(listening, store);
  const clock = Date.now;
  const { ledger, announce, release } = await openStore(store, clock);
  const close = async (): Promise<void> => {
    await ledger.close();
    release();
  };
  try {
    const api = await startApi({ ledger, listening, limits, ring, clock, onError });
    announce(api.url);
    return {
      url: api.url,
      localUrl: api.localUrl,
      store: describeStore(store),
      async close() {
        api.leave();
        await pause(LEAVING_MS);
        await api.close();
        release();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
