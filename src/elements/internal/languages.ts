import type { Catalogue } from '../locales/en.ts';
import { addMissingMessages } from './add-messages.ts';
import type { Messages } from './catalogues.ts';
import { warnInDevelopment } from './warn.ts';

/** The catalogues that come with the elements, each until it is asked for. Not an object: pages choose the keys. */
const languages = new Map<string, () => Promise<Messages>>();

add('ar', () => import('../locales/ar.ts'));
add('de', () => import('../locales/de.ts'));
add('es', () => import('../locales/es.ts'));
add('fr', () => import('../locales/fr.ts'));
add('ja', () => import('../locales/ja.ts'));

/** Adds a language, in place of which English stays where it cannot be loaded. */
export function add(language: string, load: () => Promise<{ default: Catalogue }>): void {
  languages.set(language, () =>
    load().then(
      ({ default: catalogue }) => catalogue,
      () => {
        warnInDevelopment(`the texts for lang="${language}" could not be loaded; English is shown.`);
        return {};
      },
    ),
  );
}

/** Loads the texts of a language, once. */
export function loadLanguage(language: string): void {
  const load = languages.get(language);
  languages.delete(language);
  void load?.().then((catalogue) => addMissingMessages(language, catalogue));
}
