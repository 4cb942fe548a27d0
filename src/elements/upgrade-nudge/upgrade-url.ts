import { warnInDevelopment } from '../internal/warn.ts';

const SAFE_PROTOCOLS = ['http:', 'https:'];

/** The address behind the upgrade button, or `undefined` where none is given or its scheme is not a page's. */
export function upgradeUrlOf(
  template: string | null | undefined,
  priceId: string | null,
): string | undefined {
  if (template === null || template === undefined || template.trim() === '') return undefined;
  // Half a surrogate pair has no place in an address: encoding it would throw.
  const price = encodeURIComponent((priceId ?? '').toWellFormed());
  const url = template.trim().toWellFormed().replaceAll('{priceId}', price);
  if (isSafe(url)) return url;
  warnInDevelopment(
    `<billing-upgrade-nudge>: upgrade-url must be http, https or relative, not "${template}".`,
  );
  return undefined;
}

function isSafe(url: string): boolean {
  try {
    return SAFE_PROTOCOLS.includes(new URL(url, document.baseURI).protocol);
  } catch {
    return false;
  }
}
