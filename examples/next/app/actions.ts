'use server';

import { isBillingOSError } from '@billingos/node';
import { billing, currentUserId } from './billing';

/** Creates a report, and counts it first: over the limit there is none. */
export async function createReport() {
  try {
    await billing.trackUsage({ customerId: await currentUserId(), featureKey: 'api_calls', quantity: 1 });
    return 'Your report is ready.';
  } catch (error) {
    if (isBillingOSError(error, 'QuotaExceededError')) return 'Your API calls are used up.';
    throw error;
  }
}
