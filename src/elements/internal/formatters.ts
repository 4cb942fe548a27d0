/** Formatters are dear to make and few are in use; pages in many languages must not collect them for ever. */
export const FORMATTERS_MAX = 64;

const formatters = new Map<string, unknown>();

/** The formatter of a class of `Intl`, made once. */
export function formatterOf<Formatter, Options>(
  Class: new (locale: string, options?: Options) => Formatter,
  locale: string,
  options?: Options,
): Formatter {
  const key = Class.name + locale + JSON.stringify(options);
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  const formatter = (formatters.get(key) as Formatter | undefined) ?? new Class(locale, options);
  formatters.set(key, formatter);
  return formatter;
}
