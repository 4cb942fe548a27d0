import { startServe } from '../serve.ts';
import { listenSettings, signingKeys, storeSettings } from '../settings.ts';
import { DATA_OPTION, LISTEN_OPTIONS, type Command } from './command.ts';
import { columns } from './help.ts';
import { reportTo, stopOnSignal } from './stop.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'run the API in production',
  details: `The store is brought up to date first. A setting that is not secure is refused, with the way out.

  BILLINGOS_PUBLIC_URL    the https:// address that clients reach the API at, when it is not the one it listens on
  DATABASE_URL            postgres://…, for any number of API processes; else the embedded store
  DATABASE_DIRECT_URL     the same database past a pooler, for LISTEN and migrations
  BILLINGOS_SIGNING_KEYS  kid:base64,… of 32 bytes or more, the first one signs session tokens; else kept in the store`,
  options: { ...LISTEN_OPTIONS, ...DATA_OPTION },
  async run({ options, env, report }) {
    const server = await startServe(
      {
        listening: listenSettings(options, env),
        store: storeSettings(options, env),
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
