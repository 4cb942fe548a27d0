import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Listening } from './api-server.ts';
import type { RawReply } from './bare-server.ts';
import { customerId, FEATURE, type Figures, type Load, type Route } from './load-generator.ts';
import type { StrainedKind, Usage } from './strained-server.ts';
import type { Held } from './stream-holder.ts';

/** The processes of a measurement over HTTP: servers, who asks them, and who listens. */

/** A server in a process of its own. */
export interface Server extends Listening {
  stop(): Promise<void>;
}

/** What Node is started with where the API is served: see docs/self-hosting.md. The bare server gains nothing by it. */
export const NODE_OPTIONS = '--max-semi-space-size=64';

/** A program of this folder, and what it says first. */
async function start<Said>(program: string, env: NodeJS.ProcessEnv = {}, message?: object) {
  const child = fork(join(import.meta.dirname, program), {
    env: { ...process.env, ...env },
    execArgv: [...process.execArgv, NODE_OPTIONS],
  });
  if (message !== undefined) child.send(message);
  return { child, said: await hear<Said>(child) };
}

async function hear<Said>(child: ChildProcess): Promise<Said> {
  const heard = new AbortController();
  const { signal } = heard;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`A process of the measurement ended with code ${String(code)}`);
  });
  try {
    const [said] = (await Promise.race([once(child, 'message', { signal }), ended])) as [Said];
    return said;
  } finally {
    ended.catch(() => undefined);
    heard.abort();
  }
}

function stopper(child: ChildProcess): () => Promise<void> {
  return async () => {
    child.send('stop');
    await once(child, 'exit');
  };
}

/** @param databaseUrl PostgreSQL; without it the embedded store. */
export async function startApi(databaseUrl?: string): Promise<Server> {
  const { child, said } = await start<Listening>('api-server.ts', { DATABASE_URL: databaseUrl });
  return { ...said, stop: stopper(child) };
}

/** The API with too little of something, and how it fares. */
export interface Strained {
  /** The same server by each of two tenants. */
  readonly tenants: readonly [Listening, Listening];
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

export async function startStrained(kind: StrainedKind): Promise<Strained> {
  const { child, said: tenants } = await start<Strained['tenants']>('strained-server.ts', { STRAINED: kind });
  return {
    tenants,
    usage() {
      child.send('usage');
      return hear<Usage>(child);
    },
    stop: stopper(child),
  };
}

/** A bare server that answers what `api` answers. */
export async function startBare(api: Server, route: Route): Promise<Server> {
  const { child, said } = await start<Listening>('bare-server.ts', {}, await askOnce(api, route));
  return { ...said, stop: stopper(child) };
}

/** Headers that Node gives to every reply by itself. */
const OWN_HEADERS = new Set(['date', 'connection', 'keep-alive']);

async function askOnce({ port, secretKey }: Server, route: Route): Promise<RawReply> {
  const named = { customer_id: customerId(0), feature_key: FEATURE };
  const [method, path] =
    route === 'track'
      ? ['POST', '/v1/usage/track']
      : ['GET', `/v1/usage/check?${new URLSearchParams(named).toString()}`];
  const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
  const asked = request({ port, host: '127.0.0.1', method, path, headers });
  asked.end(route === 'track' ? JSON.stringify({ ...named, quantity: 1 }) : undefined);
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  const kept = Object.entries(reply.headersDistinct)
    .filter(([name]) => !OWN_HEADERS.has(name))
    .flatMap(([name, [value = ''] = []]) => [name, value]);
  let body = '';
  for await (const chunk of reply.setEncoding('utf8')) body += String(chunk);
  return { status: reply.statusCode ?? 0, headers: kept, body };
}

/** @returns ends them, and says how many had stayed open until then. */
export async function holdStreams(
  { port, secretKey }: Server,
  streams: number,
): Promise<() => Promise<number>> {
  const { child } = await start<number>('stream-holder.ts', {}, { port, secretKey, streams } satisfies Held);
  return async () => {
    child.send('stop');
    return hear<number>(child);
  };
}

type Asking = Omit<Load, 'port' | 'secretKey'>;

/** Who asks: the process and where it runs. */
export interface Generator {
  readonly processor: string;
  /** @throws Error when a reply was not the one that was asked for. */
  run(load: Asking, server: Listening): Promise<Figures>;
  /** The same where the server may turn some away, with 503 and when to come again. */
  press(load: Asking, server: Listening): Promise<Figures>;
  stop(): void;
}

/** On the last processor where that can be asked for, and there is another. */
export function startGenerator(): Generator {
  const child = fork(join(import.meta.dirname, 'load-generator.ts'));
  const last = availableParallelism() - 1;
  const isPinned =
    last > 0 && spawnSync('taskset', ['-a', '-c', '-p', String(last), String(child.pid)]).status === 0;
  const press: Generator['press'] = (load, { port, secretKey }) => {
    child.send({ ...load, port, secretKey } satisfies Load);
    return hear<Figures>(child);
  };
  return {
    processor: isPinned ? `the load generator on processor ${last}, servers on any` : 'any',
    press,
    async run(load, server) {
      const figures = await press(load, server);
      const failed = figures.failed + figures.turnedAway;
      if (failed > 0) throw new Error(`${failed} requests were not answered as they should be`);
      return figures;
    },
    stop: () => void child.kill(),
  };
}
