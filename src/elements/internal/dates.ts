import { BoundedCache } from './bounded-cache.ts';
import { FORMATTERS_MAX } from './formatters.ts';

const formats = new BoundedCache<Intl.DateTimeFormat>(FORMATTERS_MAX);

export function dateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return formats.get(locale + JSON.stringify(options), () => new Intl.DateTimeFormat(locale, options));
}

/** A time of today, or a day and time. Empty for what is no date. */
export function formatTime(locale: string, iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const today = date.toDateString() === new Date().toDateString();
  return dateFormat(
    locale,
    today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  ).format(date);
}
