import { type Catalogue, en, type Message, type MessageKey } from '../locales/en.ts';
import { formatNumber, pluralCategory } from './format.ts';

const LAST_RESORT = 'en';
const PLACEHOLDER = /\{(\w+)\}/;

/** The catalogues at hand, by language. */
const catalogues: Readonly<Record<string, Catalogue>> = { [LAST_RESORT]: en };

/** Texts of one catalogue with the number and date habits of one locale. */
export interface Localizer {
  readonly locale: string;
  readonly catalogue: Catalogue;
}

/** The language of the nearest ancestor that says one, across shadow roots; English where nobody does. */
export function localizerFor(element: Element): Localizer {
  const tag = nearestLanguage(element);
  const catalogue = catalogues[tag.split('-', 1)[0]?.toLowerCase() ?? ''];
  // Numbers follow the texts: a German number in an English sentence would be misread.
  if (catalogue === undefined || !isLocale(tag)) return { locale: LAST_RESORT, catalogue: en };
  return { locale: tag, catalogue };
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
  return pattern(l, l.catalogue[key], values['count'])
    .split(PLACEHOLDER)
    .map((piece, index) => (index % 2 === 0 ? piece : fill(l, values[piece])))
    .filter((piece) => piece !== '');
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
  for (let at: Element | null = element; at !== null; at = hostOf(at)) {
    const tag = at.closest('[lang]')?.getAttribute('lang');
    if (tag !== undefined && tag !== null && tag !== '') return tag;
  }
  return LAST_RESORT;
}

function hostOf(element: Element): Element | null {
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

function isLocale(tag: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}
