import { relative } from 'node:path';
import { DATA_OPTION, LISTEN_OPTIONS, type Command } from '../commands/command.ts';
import { reportTo, stopOnSignal } from '../commands/stop.ts';
import { dataFolder, limitSettings, listenSettings } from '../settings.ts';
import { startDev, type DevServer } from './dev.ts';

export const dev: Command = {
  name: 'dev',
  summary: 'try it out: embedded store, demo catalog and customer, API and a live page',
  details: `The key that it prints is kept in dev.json in the data folder.
BILLINGOS_PUBLIC_URL is the address that clients reach the API at, when it is not the one it listens on.`,
  options: { ...LISTEN_OPTIONS, ...DATA_OPTION },
  async run({ options, env, report }) {
    const started = performance.now();
    const server = await startDev(
      {
        listening: listenSettings(options, env),
        limits: limitSettings(env, { requestsPerSecond: 0 }),
        folder: dataFolder(options, env),
      },
      reportTo(report),
    );
    stopOnSignal(server);
    return { text: greeting(server, performance.now() - started) };
  },
};

function greeting({ info, infoPath }: DevServer, tookMs: number): string {
  const fromHere = relative(process.cwd(), infoPath);
  return `
BillingOS is running (ready in ${(tookMs / 1000).toFixed(1)} s)

  Page       ${info.url}
  API key    ${info.secret_key}
  Customer   ${info.customer_id}
  Also in    ${fromHere.startsWith('..') ? infoPath : fromHere}

Open the page, then watch it move:

  curl ${info.url}/v1/usage/track \\
    -H 'Authorization: Bearer ${info.secret_key}' \\
    -H 'Content-Type: application/json' \\
    -d '{"customer_id": "${info.customer_id}", "feature_key": "api_calls", "quantity": 10}'

At 80 of 100 calls a nudge appears, the 101st is refused, and "Upgrade" makes room. Ctrl+C stops it.

`;
}
