import { addMessages } from './internal/add-messages.ts';
import type { Messages } from './internal/catalogues.ts';
import { warnInDevelopment } from './internal/warn.ts';
import en from './locales/en.ts';

export type { Messages } from './internal/catalogues.ts';
export type { Message, MessageKey } from './locales/en.ts';

/**
 * Says texts of the elements differently, or in a language they do not bring: for a tag ("pt-BR") and everything
 * below it. What is left out stays as it is; where a language has nothing at all, English stands in.
 */
export function registerMessages(locale: string, messages: Messages): void {
  const entries = Object.entries(messages);
  const known = entries.filter(([key, message]) => Object.hasOwn(en, key) && isMessage(message));
  if (known.length < entries.length) {
    const others = entries.filter((entry) => !known.includes(entry)).map(([key]) => key);
    warnInDevelopment(`registerMessages("${locale}"): not a text of the elements: ${others.join(', ')}.`);
  }
  addMessages(locale, Object.fromEntries(known));
}

function isMessage(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return typeof message === 'string';
  return 'other' in message && Object.values(message).every((form) => typeof form === 'string');
}
