import { catalogues, type Messages } from './catalogues.ts';
import { redraw } from './surroundings.ts';

/** Puts texts over those that are there. */
export function addMessages(tag: string, messages: Messages): void {
  const key = tag.toLowerCase();
  catalogues.set(key, { ...catalogues.get(key), ...messages });
  redraw();
}

/** Puts texts under those that are there: what the page has registered stays on top. */
export function addMissingMessages(tag: string, messages: Messages): void {
  addMessages(tag, { ...messages, ...catalogues.get(tag) });
}

/** Whether it can be shown, whatever its name. */
export function isMessage(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return typeof message === 'string';
  return 'other' in message && Object.values(message).every((form) => typeof form === 'string');
}
