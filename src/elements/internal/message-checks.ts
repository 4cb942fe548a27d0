// English comes in parts, with the elements that say them; any other catalogue has every name.
import names from '../locales/de.ts';
import { isMessage } from './add-messages.ts';
import { warnOnce } from './warn-once.ts';

/** Tells developers which of the page's texts nothing shows. On other pages it is not even loaded. */
export function checkMessages(locale: string, messages: object): void {
  const others = Object.entries(messages)
    .filter(([key, message]) => !Object.hasOwn(names, key) || !isMessage(message))
    .map(([key]) => key);
  if (others.length > 0)
    warnOnce(`registerMessages("${locale}"): not a text of the elements: ${others.join(', ')}.`);
}
