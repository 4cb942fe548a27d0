import { BillingOS } from '@billingos/node';

/**
 * A process of nothing but load: buffers usage in the file of its first argument without end, and prints each event's
 * key before it is buffered, and again once it is kept. To be killed.
 */

/** Callers that each wait for their last event to be kept before they buffer the next. */
const CALLERS = 40;

const [, , file = ''] = process.argv;
const billing = new BillingOS({
  buffer: { file, maxWaitMs: 5, onError: (error) => process.stderr.write(`${error.message}\n`) },
});

await Promise.all(
  Array.from({ length: CALLERS }, async (_, caller) => {
    for (let turn = 0; ; turn += 1) {
      const idempotencyKey = `${process.pid}-${caller}-${turn}`;
      process.stdout.write(`tried ${idempotencyKey}\n`);
      const customerId = `user_${caller % 3}`;
      await billing.bufferUsage({ customerId, featureKey: 'events', quantity: 1, idempotencyKey });
      process.stdout.write(`kept ${idempotencyKey}\n`);
    }
  }),
);
