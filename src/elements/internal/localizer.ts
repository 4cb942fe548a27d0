import type { Message, MessageKey } from '../locales/en.ts';
import { cataloguesFor, english, type Messages } from './catalogues.ts';
import { onServer } from './environment.ts';
import { formatNumber } from './format.ts';
import { pluralCategory } from './formatters.ts';
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
  const catalogues = cataloguesFor(tag);
  // Numbers follow the texts: a German number in an English sentence would be misread.
  const candidates = catalogues.length > 0 ? [tag, tag.split('-', 1)[0] ?? ''] : [];
  return { locale: candidates.find(isLocale) ?? 'en', catalogues };
}

/** The text with its placeholders filled. A `count` among the values picks the plural form. */
export function text(
  l: Localizer,
  key: MessageKey,
  values: Readonly<Record<string, string | number>> = {},
): string {
  return rich(l, key, values).join('');
}

/** The text as a list of pieces, so that values may be templates. */
export function rich<Value>(
  l: Localizer,
  key: MessageKey,
  values: Readonly<Record<string, Value>>,
): (string | Value)[] {
  return pattern(l, messageOf(l, key), values['count'])
    .split(PLACEHOLDER)
    .map((piece, index) => (index % 2 === 0 ? piece : fill(l, values[piece])))
    .filter((piece) => piece !== '');
}

function messageOf({ catalogues }: Localizer, key: MessageKey): Message {
  return catalogues.find((messages) => messages[key] !== undefined)?.[key] ?? english[key] ?? key;
}

function fill<Value>(l: Localizer, value: Value | undefined): string | Value {
  if (value === undefined) return '';
  return typeof value === 'number' ? formatNumber(l.locale, value) : value;
}

function pattern(l: Localizer, message: Message, count: unknown): string {
  if (typeof message === 'string') return message;
  return (typeof count === 'number' ? message[pluralCategory(l.locale, count)] : undefined) ?? message.other;
}

function nearestLanguage(element: Element): string {
  // "de_AT" is no language tag, but everybody knows what it means.
  for (const tag of languagesAround(element)) if (tag) return tag.replaceAll('_', '-');
  return 'en';
}

function* languagesAround(element: Element): Generator<string | null | undefined> {
  if (onServer) yield element.getAttribute('lang');
  else for (const at of withHosts(element)) yield at.closest('[lang]')?.getAttribute('lang');
}

function isLocale(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}
