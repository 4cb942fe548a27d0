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

/** Resolves when the line has left the process: what waits for a slow reader in here would die with it. */
const say = (line: string) => new Promise((written) => process.stdout.write(`${line}\n`, written));

await Promise.all(
  Array.from({ length: CALLERS }, async (_, caller) => {
    for (let turn = 0; ; turn += 1) {
      const idempotencyKey = `${process.pid}-${caller}-${turn}`;
      await say(`tried ${idempotencyKey}`);
      const customerId = `user_${caller % 3}`;
      await billing.bufferUsage({ customerId, featureKey: 'events', quantity: 1, idempotencyKey });
      await say(`kept ${idempotencyKey}`);
    }
  }),
);
