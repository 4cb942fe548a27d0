import type { Catalogue } from '../locales/en.ts';
import { coreTexts } from './core-texts.ts';
import { late } from './late.ts';
import { redraw } from './surroundings.ts';

/** Some texts of a language, or all. */
export type Messages = Partial<Catalogue>;

/** The last resort of every language: complete once an element is there that says more than a bar does. */
export const english: Messages = { ...coreTexts };

/** The texts at hand, by language tag in lower case. */
const catalogues = new Map<string, Messages>([['en', english]]);

/** The texts for a language tag, the most specific first; none before its catalogue has arrived. */
export function cataloguesFor(tag: string): Messages[] {
  const found: Messages[] = [];
  for (let at = tag.toLowerCase(); at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('-')))) {
    load(at);
    const messages = catalogues.get(at);
    if (messages !== undefined) found.push(messages);
  }
  return found;
}

/** Puts texts over those that are there. */
export function addMessages(tag: string, messages: Messages): void {
  const key = tag.toLowerCase();
  catalogues.set(key, Object.assign(catalogues.get(key) ?? {}, messages));
  redraw();
}

/** Adds what English still lacks. What the page has registered stays on top. */
export function completeEnglish(catalogue: Catalogue): void {
  Object.assign(english, { ...catalogue, ...english });
}

function load(language: string): void {
  const loader = late.languages?.get(language);
  if (loader === undefined) return;
  late.languages?.delete(language);
  // What the page has registered meanwhile stays on top.
  void loader().then((catalogue) => addMessages(language, { ...catalogue, ...catalogues.get(language) }));
}
