/** The headless usage store: one customer's numbers, live, for any number of subscribers. No framework, no DOM. */

export type { BrowserParts, Channel, Locks } from './browser-parts.ts';
export { createStore } from './create-store.ts';
export type { StoreOptions } from './create-store.ts';
export type { EventStorage, KeptEvent, NewEvent } from './event-storage.ts';
export { toUsageMetric } from './rows.ts';
export type {
  DataStatus,
  FetchStatus,
  SubscribeOptions,
  TrackUsageInput,
  TrackUsageResult,
  UsageMetric,
  UsageSnapshot,
  UsageStore,
} from './types.ts';
export type { PageVisibility } from './visibility.ts';
