import { jsonLog } from '../log.ts';
import { startServe } from '../serve.ts';
import {
  adminSettings,
  graceMs,
  limitSettings,
  listenSettings,
  logLevel,
  signingKeys,
  storeSettings,
} from '../settings.ts';
import { DATA_OPTION, LISTEN_OPTIONS, type Command } from './command.ts';
import { columns } from './help.ts';
import { failSoon, stopOnSignal } from './stop.ts';

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
                          addresses or networks, 10.0.0.0/8,…, of proxies whose X-Forwarded-For is believed
  BILLINGOS_ADMIN_PORT    where /metrics, /healthz and /readyz are served to the operator, on BILLINGOS_ADMIN_HOST
                          (default 127.0.0.1); without a port they are not
  BILLINGOS_LOG           error, info (default), or requests, a line for each: JSON lines on standard error
  BILLINGOS_GRACE_MS      how long a stop goes on to answer after /readyz has said no, at most 3000  (default 1000)`,
  options: { ...LISTEN_OPTIONS, ...DATA_OPTION },
  async run({ options, env, report }) {
    const level = logLevel(env);
    const server = await startServe(
      {
        listening: listenSettings(options, env),
        store: storeSettings(options, env),
        limits: limitSettings(env, { requestsPerSecond: REQUESTS_PER_SECOND }),
        ring: signingKeys(env),
        admin: adminSettings(env),
        graceMs: graceMs(env),
        logLevel: level,
      },
      jsonLog(level, report, Date.now),
      failSoon,
    );
    stopOnSignal(server);
    const rows = [
      ['Clients', server.url],
      ['Listens', server.localUrl],
      ...(server.adminUrl === undefined ? [] : [['Metrics', `${server.adminUrl}/metrics`]]),
      ['Store', server.store],
    ];
    return { text: `BillingOS is serving\n\n${columns(rows)}\n\nStop it with SIGTERM or Ctrl+C.\n` };
  },
};
