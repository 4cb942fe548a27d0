import type { Message, MessageKey } from '../locales/en.ts';
import { catalogues, cataloguesFor, type Messages } from './catalogues.ts';
import { onServer } from './environment.ts';
import { withHosts } from './tree.ts';

const PLACEHOLDER = /\{(\w+)\}/;

/** Texts, the most specific catalogue first, with the number and date habits of one locale. */
export interface Localizer {
  readonly locale: string;
  readonly catalogues: readonly Messages[];
}

/**
 * The language of the nearest ancestor that says one, across shadow roots; English where nobody does. On a server
 * an element knows no ancestors, and its own `lang` decides.
 */
export function localizerFor(element: Element): Localizer {
  const tag = nearestLanguage(element);
  const own = cataloguesFor(tag);
  // Numbers follow the texts: a German number in an English sentence would be misread.
  const candidates = own.length > 0 ? [tag, tag.split('-', 1)[0] ?? ''] : [];
  return { locale: candidates.find(isLocale) ?? 'en', catalogues: own };
}

/** The text with its placeholders filled. */
export function text(
  l: Localizer,
  key: MessageKey,
  values: Readonly<Record<string, string>> = {},
  form?: Intl.LDMLPluralRule,
): string {
  return rich(l, key, values, form).join('');
}

/** The text as a list of pieces, so that values may be templates. */
export function rich<Value>(
  l: Localizer,
  key: MessageKey,
  values: Readonly<Record<string, Value>>,
  form: Intl.LDMLPluralRule = 'other',
): (string | Value)[] {
  const message = messageOf(l, key);
  return (typeof message === 'string' ? message : (message[form] ?? message.other))
    .split(PLACEHOLDER)
    .map((piece, index) => (index % 2 === 0 ? piece : (values[piece] ?? '')))
    .filter((piece) => piece !== '');
}

/** The most specific text there is. */
function messageOf(l: Localizer, key: MessageKey): Message {
  return (
    [...l.catalogues, catalogues.get('en')].find((messages) => messages?.[key] !== undefined)?.[key] ?? key
  );
}

function nearestLanguage(element: Element): string {
  for (const at of onServer ? [element] : withHosts(element)) {
    const tag = (onServer ? at : at.closest('[lang]'))?.getAttribute('lang');
    // "de_AT" is no language tag, but everybody knows what it means.
    if (tag) return tag.replaceAll('_', '-');
  }
  return 'en';
}

function isLocale(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}
