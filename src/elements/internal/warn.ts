import { isDevelopment } from './dev.ts';

/** Tells the page's developer once, on development pages only; on others what tells it is not even loaded. */
export function warnInDevelopment(message: string, ...value: unknown[]): void {
  if (isDevelopment()) void import('./warn-once.ts').then(({ warnOnce }) => warnOnce(message, ...value));
}
