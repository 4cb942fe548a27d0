import { dirname, relative } from 'node:path';
import { DATA_OPTION, LISTEN_OPTIONS, type Command } from '../commands/command.ts';
import { reportTo, stopOnSignal } from '../commands/stop.ts';
import { dataFolder, limitSettings, listenSettings } from '../settings.ts';
import { startDev, type DevServer } from './dev.ts';
import type { DemoPlan } from './routes.ts';

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

function greeting({ info, infoPath, plan }: DevServer, tookMs: number): string {
  const fromHere = relative(process.cwd(), infoPath);
  const shownPath = fromHere.startsWith('..') ? infoPath : fromHere;
  return `
BillingOS is running (ready in ${(tookMs / 1000).toFixed(1)} s)

  Page       ${info.url}
  API key    ${info.secret_key}
  Customer   ${info.customer_id}
  Also in    ${shownPath}

Open the page, then watch it move:

  curl ${info.url}/v1/usage/track \\
    -H 'Authorization: Bearer ${info.secret_key}' \\
    -H 'Content-Type: application/json' \\
    -d '{"customer_id": "${info.customer_id}", "feature_key": "api_calls", "quantity": 10}'

${hintOf(plan)}

Ctrl+C stops it. To start over, stop it and delete the folder ${dirname(shownPath)}

`;
}

function hintOf({ name, calls, nudgeAt }: DemoPlan): string {
  const [all, some] = [calls, nudgeAt].map((count) => count.toLocaleString('en'));
  const limit = `The customer is on ${name}: at ${some} of ${all} calls a nudge appears, past ${all} they are refused.`;
  const way =
    name === 'Pro'
      ? '"Go back to Starter" on the page lowers the limit.'
      : '"See Pro" in the nudge raises the limit.';
  return `${limit}\n${way}`;
}
