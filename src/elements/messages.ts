import { addMessages, isMessage } from './internal/add-messages.ts';
import type { Messages } from './internal/catalogues.ts';
import { isDevelopment } from './internal/dev.ts';

export type { Messages } from './internal/catalogues.ts';
export type { Message, MessageKey } from './locales/en.ts';

/**
 * Says texts of the elements differently, or in a language they do not bring: for a tag ("pt-BR") and everything
 * below it. What is left out stays as it is; where a language has nothing at all, English stands in.
 */
export function registerMessages(locale: string, messages: Messages): void {
  if (isDevelopment())
    void import('./internal/message-checks.ts').then(({ checkMessages }) => checkMessages(locale, messages));
  addMessages(
    locale,
    Object.fromEntries(Object.entries(messages).filter(([, message]) => isMessage(message))),
  );
}
