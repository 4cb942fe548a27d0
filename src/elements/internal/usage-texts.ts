import type { Message } from '../locales/en.ts';

/** What is said of a store's numbers beyond what a bar with figures of its own says, in English. */
export const usageTexts = {
  live: 'Live',

  valueOfIncluded: '{used} of {limit} included',
  valueCompact: '{used}/{limit}',

  percentUsed: '{percent} used, {left} left',
  underOnePercent: 'Less than {percent}',
  left: '{left} left',
  limitReached: 'Limit reached',
  limitReachedOver: 'Limit reached, {over} over',
  includedUsedUp: 'Included amount used up',
  overIncluded: '{over} over the included amount',
  resetsToday: 'Resets today',
  resetsIn: { one: 'Resets in {count} day', other: 'Resets in {count} days' },

  spokenResetsToday: 'resets today',
  spokenResetsIn: { one: 'resets in {count} day', other: 'resets in {count} days' },
  announcement: '{name}: {summary}',

  stale: 'As of {time}, reconnecting…',
  errorTitle: 'Your usage could not be loaded',
  errorReason: 'Nothing is lost. Check your connection, then try again.',
  retry: 'Try again',
  unavailable: 'Not available right now',
  emptyTitle: 'Nothing is metered',
  emptyReason: 'Your plan has no usage limits.',
  notInPlan: 'Not part of your plan',
  signedOut: 'Sign in to see your usage.',
} as const satisfies Record<string, Message>;
