import type { Message } from '../locales/en.ts';

/** What only a nudge says, in English. */
export const nudgeTexts = {
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
