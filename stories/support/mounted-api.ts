import { pageView } from '../../src/elements/upgrade-nudge/page-view.ts';
import type { ScriptedApi } from './scripted-api.ts';

/** What a story's context says about its API: `parameters.api` makes one. */
interface Mount {
  readonly abortSignal: AbortSignal;
  readonly parameters: { readonly api?: () => ScriptedApi };
}

/** By the signal that ends a mount: it outlives changed controls, so they keep the numbers on screen. */
const apis = new WeakMap<AbortSignal, ScriptedApi | undefined>();

/** The API of a mounted story; made at its first sight, for a page that has just been opened. */
export function apiOf({ abortSignal, parameters }: Mount): ScriptedApi | undefined {
  if (apis.has(abortSignal)) return apis.get(abortSignal);
  pageView.reset();
  localStorage.clear();
  const api = parameters.api?.();
  apis.set(abortSignal, api);
  return api;
}

/** The API of a story that has one, for its play function. */
export function scriptOf(mount: Mount): ScriptedApi {
  const api = apiOf(mount);
  if (api === undefined) throw new Error('This story has no API: give it `parameters: { api }`.');
  return api;
}
