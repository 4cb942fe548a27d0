/** Warnings told so far; a page that makes up ever new ones must not fill the memory. */
const WARNINGS_MAX = 100;
const told = new Set<string>();

/** Tells the page's developer once, with the value that was met first. */
export function warnOnce(message: string, ...value: unknown[]): void {
  if (told.has(message) || told.size >= WARNINGS_MAX) return;
  told.add(message);
  // eslint-disable-next-line no-console -- the one place where the elements talk to developers
  console.warn(`BillingOS: ${message}`, ...value);
}
