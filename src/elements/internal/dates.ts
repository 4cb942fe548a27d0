import { formatterOf } from './formatters.ts';

/** A time of today, or a day and time. Empty for what is no date. */
export function formatTime(locale: string, iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const today = date.toDateString() === new Date().toDateString();
  return formatterOf(
    Intl.DateTimeFormat,
    locale,
    today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  ).format(date);
}
