import { formatNumber } from '../internal/format.ts';
import { formatterOf } from '../internal/formatters.ts';

/** An amount in the currency's minor unit; whole amounts without zeros after the point. */
export function formatPrice(locale: string, amountMinor: number, currency: string): string {
  try {
    const format = formatterOf(Intl.NumberFormat, locale, {
      style: 'currency',
      currency,
      trailingZeroDisplay: 'stripIfInteger',
    });
    return isolated(format.format(amountMinor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2)));
  } catch {
    // Not a currency code that Intl accepts: the figure and the code as they came.
    return `${formatNumber(locale, amountMinor / 100)} ${currency}`;
  }
}

/** A day ("December 1"), with its year when it is not this one. Empty for what is no date. */
export function formatDay(locale: string, iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const thisYear = date.getFullYear() === new Date().getFullYear();
  return formatterOf(Intl.DateTimeFormat, locale, {
    day: 'numeric',
    month: 'long',
    ...(thisYear ? {} : { year: 'numeric' }),
  }).format(date);
}

/** Arabic amounts begin with a mark of direction; in a sentence it would tear a Latin sign apart: "$US 49". */
function isolated(price: string): string {
  return price.startsWith('\u200f') ? `\u2066${price}\u2069` : price;
}
