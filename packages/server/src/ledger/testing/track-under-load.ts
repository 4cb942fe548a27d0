import { join } from 'node:path';
import { command, PRICING } from '../../metering/testing/pricing.ts';
import { lockStore } from '../sqlite/lock.ts';
import { openSqliteLedger } from '../sqlite/sqlite-ledger.ts';

/**
 * A server of nothing but load: takes the data folder of its first argument and tracks without end, printing the key
 * and id of each event once it is acknowledged. To be killed.
 */

/** Callers that each wait for their last event before they send the next. */
const CALLERS = 40;

const folder = process.argv[2] ?? '';
const lock = lockStore(folder);
const ledger = await openSqliteLedger(join(folder, 'billingos.db'), Date.now);
const tenant = ledger.tenant(await ledger.ensureTenant('Acme', 'test', Date.now()));
await tenant.putCatalog(PRICING, Date.now());
lock.describe({ pid: process.pid, url: 'http://127.0.0.1:1' });
process.stdout.write('ready\n');

await Promise.all(
  Array.from({ length: CALLERS }, async (_, caller) => {
    for (let turn = 0; ; turn += 1) {
      const idempotencyKey = `${process.pid}-${caller}-${turn}`;
      const feature = turn % 2 === 0 ? 'events' : 'emails';
      const [verdict] = await tenant.track([
        command(feature, 1, { externalId: `user_${caller % 3}`, idempotencyKey }),
      ]);
      if (verdict?.outcome === 'recorded') process.stdout.write(`${idempotencyKey} ${verdict.event.id}\n`);
    }
  }),
);
