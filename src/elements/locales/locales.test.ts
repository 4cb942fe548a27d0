import { describe, expect, it } from '../testing/test.ts';
import ar from './ar.ts';
import de from './de.ts';
import en, { type Catalogue, type Message, type MessageKey } from './en.ts';
import es from './es.ts';
import fr from './fr.ts';
import ja from './ja.ts';

const catalogues: Readonly<Record<string, Catalogue>> = { en, de, fr, es, ja, ar };
const keys = Object.keys(en) as MessageKey[];
/** What stands below a title: whole sentences, for there may be more than one. */
const SENTENCES: readonly MessageKey[] = [
  ...(['errorReason', 'emptyReason', 'signedOut'] as const),
  ...([
    'nudgeLeft',
    'nudgeLeftUntil',
    'nudgeUsedOf',
    'nudgeResets',
    'nudgeResumes',
    'nudgeContinue',
  ] as const),
  ...(['offer', 'offerUnlimited'] as const),
];
/** More days than any period has. */
const DAYS_MAX = 800;

const formsOf = (message: Message) => (typeof message === 'string' ? [message] : Object.values(message));
const placeholdersOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

for (const [language, catalogue] of Object.entries(catalogues)) {
  describe(`the catalogue of ${language}`, () => {
    it('has every text, and no other', () => {
      expect(Object.keys(catalogue).sort()).to.deep.equal([...keys].sort());
      const empty = keys.filter((key) => formsOf(catalogue[key]).some((form) => form.trim() === ''));
      expect(empty).to.deep.equal([]);
    });

    it('has the placeholders of the English texts', () => {
      const different = keys.filter((key) => {
        const wanted = placeholdersOf(formsOf(en[key]).at(-1)!);
        // Some forms need no figure: one, two.
        const forms = formsOf(catalogue[key]).filter((form) => wanted[0] !== 'count' || form.includes('{'));
        return forms.some((form) => placeholdersOf(form).join() !== wanted.join());
      });
      expect(different).to.deep.equal([]);
    });

    it('closes the sentences that explain, and none of its titles and labels, with a period', () => {
      const closed = keys.filter((key) => formsOf(catalogue[key]).some((form) => /[.。]$/.test(form)));
      expect(closed).to.deep.equal(SENTENCES);
    });

    it('has a form for every number of days', () => {
      const rules = new Intl.PluralRules(language);
      const needed = new Set(Array.from({ length: DAYS_MAX }, (_, days) => rules.select(days)));
      const plural = keys.map((key) => catalogue[key]).filter((message) => typeof message !== 'string');
      const missing = plural.flatMap((message) => [...needed].filter((form) => message[form] === undefined));
      expect(plural).to.have.length(2);
      expect(missing).to.deep.equal([]);
    });
  });
}

describe('Arabic', () => {
  it('has six plural forms', () => {
    const forms = ['few', 'many', 'one', 'other', 'two', 'zero'];
    expect(Object.keys(ar.resetsIn).sort()).to.deep.equal(forms);
  });
});
