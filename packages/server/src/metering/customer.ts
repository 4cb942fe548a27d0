import { REVISION_STEP, type Customer } from './subscription.ts';

/** What is known of a customer beside their usage. A member that is absent stays, `null` clears it. */
export interface Profile {
  readonly externalOrganizationId?: string | null | undefined;
  readonly email?: string | null | undefined;
  readonly name?: string | null | undefined;
  /** Replaces the present one as a whole. */
  readonly metadata?: Record<string, unknown> | undefined;
}

/** The customer with a profile laid over theirs; the very same object when nothing differs. */
export function withProfile(customer: Customer, profile: Profile, now: number): Customer {
  const given = Object.entries(profile).filter(([, value]) => value !== undefined);
  const differs = given.some(
    ([member, value]) => canonical(customer[member as keyof Profile]) !== canonical(value),
  );
  return differs ? { ...customer, ...Object.fromEntries(given), updatedAt: now } : customer;
}

export interface CreateOutcome {
  kind: 'created' | 'existing' | 'conflict';
  customer: Customer;
}

/**
 * What becomes of a known customer who is created again (wire contract §2): one that first sight had made takes the
 * members given, and is explicit from then on; one that says the same is the same; any other is in the way.
 */
export function recreate(known: Customer, profile: Profile, now: number): CreateOutcome {
  const next = withProfile(known, profile, now);
  if (known.implicit) return { kind: 'existing', customer: { ...next, implicit: false } };
  return next === known ? { kind: 'existing', customer: known } : { kind: 'conflict', customer: known };
}

/** What is left of a deleted customer: the owner of events, without a name or a plan. */
export function anonymous(customer: Customer, externalId: string, now: number): Customer {
  return {
    ...customer,
    externalId,
    externalOrganizationId: null,
    email: null,
    name: null,
    metadata: {},
    revision: customer.revision + REVISION_STEP,
    deletedAt: now,
    updatedAt: now,
    subscription: null,
  };
}

/** JSON text in which the order of members, which means nothing, makes no difference. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
