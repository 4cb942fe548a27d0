import type { Catalogue } from '../locales/en.ts';
import { coreTexts } from './core-texts.ts';
import { late } from './late.ts';

/** Some texts of a language, or all. */
export type Messages = Partial<Catalogue>;

/**
 * The texts at hand, by language tag in lower case. English, the last resort of every language, is complete once the
 * element is there that says more than a bar does.
 */
export const catalogues = new Map<string, Messages>([['en', coreTexts]]);

/** The texts for a language tag, the most specific first; none before its catalogue has arrived. */
export function cataloguesFor(tag: string): Messages[] {
  const found: Messages[] = [];
  for (let at = tag.toLowerCase(); at !== ''; at = at.replace(/-?[^-]*$/, '')) {
    late.loadLanguage?.(at);
    const messages = catalogues.get(at);
    if (messages !== undefined) found.push(messages);
  }
  return found;
}
