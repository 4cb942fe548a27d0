import type { Message } from '../locales/en.ts';

/** What a bar with figures of its own says, in English. All other texts come with the elements that say them. */
export const coreTexts = {
  heading: 'Usage',
  loading: 'Loading usage…',
  listSeparator: ', ',
  valueOfLimit: '{used} of {limit}',
  valueUnlimited: '{used} · {unlimited}',
  unlimited: 'Unlimited',
  spokenUsed: '{used} of {limit} used',
  spokenLimitReached: 'limit reached',
} as const satisfies Record<string, Message>;
