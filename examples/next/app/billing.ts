import { BillingOS } from '@billingos/node';

/** Reads BILLINGOS_SECRET_KEY and BILLINGOS_API_URL at the first call, so builds need neither. */
export const billing = new BillingOS();

/** Stands in for your own login. */
export async function currentUserId() {
  return 'user_123';
}
