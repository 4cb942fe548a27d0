import { coreTexts } from '../internal/core-texts.ts';

/** One text, or one per plural category of its `{count}`. */
export type Message = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);

/** Every text the elements can show, in English: the reference for all other catalogues. */
const en = {
  ...coreTexts,

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

  nudgeUsed: '{name}: {percent} used',
  nudgeIncluded: '{name}: included amount used up',
  nudgeReached: '{name}: limit reached',
  nudgeLow: '{name}: running low',
  nudgeLeft: '{left} of {limit} left.',
  nudgeLeftUntil: '{left} of {limit} left until {date}.',
  nudgeUsedOf: '{used} of {limit} used.',
  nudgeResets: 'Resets on {date}.',
  nudgeResumes: 'It resets on {date}, or continue now on {plan}.',
  nudgeContinue: 'Continue now on {plan}.',
  offer: '{plan} raises the limit to {limit}.',
  offerUnlimited: '{plan} removes the limit.',
  upgradeTo: 'Upgrade to {plan}, {price}',
  seePlan: 'See {plan}, {price}',
  later: 'Maybe later',
  dismiss: 'Dismiss',
  upgrade: 'Upgrade',
  limitChange: '{from} to {to}',
  priceDay: '{price} a day',
  priceWeek: '{price} a week',
  priceMonth: '{price} a month',
  priceYear: '{price} a year',
} as const satisfies Record<string, Message>;

export default en;

/** The name of a text. */
export type MessageKey = keyof typeof en;

/** A whole catalogue: one message for every name. */
export type Catalogue = Readonly<Record<MessageKey, Message>>;
