import { startServe } from '../serve.ts';
import { limitSettings, listenSettings, signingKeys, storeSettings } from '../settings.ts';
import { DATA_OPTION, LISTEN_OPTIONS, type Command } from './command.ts';
import { columns } from './help.ts';
import { reportTo, stopOnSignal } from './stop.ts';

/** Of one secret key, unless BILLINGOS_RATE_LIMIT says otherwise. */
const REQUESTS_PER_SECOND = 1_000;

export const serve: Command = {
  name: 'serve',
  summary: 'run the API in production',
  details: `The store is brought up to date first. A setting that is not secure is refused, with the way out.

  BILLINGOS_PUBLIC_URL    the https:// address that clients reach the API at, when it is not the one it listens on
  DATABASE_URL            postgres://…, for any number of API processes; else the embedded store
  DATABASE_DIRECT_URL     the same database past a pooler, for LISTEN and migrations
  BILLINGOS_SIGNING_KEYS  kid:base64,… of 32 bytes or more, the first one signs session tokens; else kept in the store
  BILLINGOS_RATE_LIMIT    requests a second of each key in this process, a tenth of it of each session's customer;
                          0 for no limit  (default ${REQUESTS_PER_SECOND})
  BILLINGOS_TRUSTED_PROXIES
                          addresses or networks, 10.0.0.0/8,…, of proxies whose X-Forwarded-For is believed`,
  options: { ...LISTEN_OPTIONS, ...DATA_OPTION },
  async run({ options, env, report }) {
    const server = await startServe(
      {
        listening: listenSettings(options, env),
        store: storeSettings(options, env),
        limits: limitSettings(env, { requestsPerSecond: REQUESTS_PER_SECOND }),
        ring: signingKeys(env),
      },
      reportTo(report),
    );
    stopOnSignal(server);
    const rows = [
      ['Clients', server.url],
      ['Listens', server.localUrl],
      ['Store', server.store],
    ];
    return { text: `BillingOS is serving\n\n${columns(rows)}\n\nStop it with SIGTERM or Ctrl+C.\n` };
  },
};
