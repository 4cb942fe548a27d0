import type { Catalogue } from '../locales/en.ts';
import { catalogues, english, type Messages } from './catalogues.ts';
import { redraw } from './surroundings.ts';

/** Puts texts over those that are there. */
export function addMessages(tag: string, messages: Messages): void {
  const key = tag.toLowerCase();
  catalogues.set(key, Object.assign(catalogues.get(key) ?? {}, messages));
  redraw();
}

/** Puts texts under those that are there: what the page has registered stays on top. */
export function addMissingMessages(tag: string, messages: Messages): void {
  addMessages(tag, { ...messages, ...catalogues.get(tag) });
}

/** Adds what English still lacks. What the page has registered stays on top. */
export function completeEnglish(catalogue: Catalogue): void {
  Object.assign(english, { ...catalogue, ...english });
}
