#!/usr/bin/env node
import { relative } from 'node:path';
import { StoreInUseError } from './ledger/sqlite/lock.ts';
import { startDev, type DevServer } from './demo/dev.ts';
import { devSettings, SettingsError } from './settings.ts';

const HELP = `billingos: the BillingOS usage API

  billingos dev     try it out: embedded store, demo catalog and customer, API and a live page

Options
  --port PORT       where to listen; 0 picks a free port      (PORT, default 4242)
  --host HOST       the address to listen on                  (HOST, default 127.0.0.1)
  --data FOLDER     where the store and dev.json are kept     (BILLINGOS_DATA, default .billingos)
  --help            this text

BILLINGOS_PUBLIC_URL is the address that clients reach the API at, when it is not the one it listens on.
`;

async function main(args: string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === undefined || command === 'help' || args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  if (command !== 'dev') throw new SettingsError(`There is no command "${command}". See billingos --help.`);
  const started = performance.now();
  const server = await startDev(devSettings(rest, process.env), (error, requestId) => {
    process.stderr.write(
      `${requestId} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  });
  process.stdout.write(greeting(server, performance.now() - started));
  stopOnSignal(server);
}

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

function stopOnSignal(server: DevServer): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    void server.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

function explain(error: unknown): string {
  if (error instanceof SettingsError || error instanceof StoreInUseError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return 'That port is taken. Choose another with --port, or --port 0 for a free one.';
  if (code === 'EACCES') return `${message}. Choose a port above 1023, or a folder that you may write to.`;
  return error instanceof Error ? (error.stack ?? message) : String(error);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`billingos: ${explain(error)}\n`);
  process.exit(1);
});
