import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { customerId } from './load-generator.ts';

/** Keeps streams open in a process of its own, each of another customer, and reads what comes. */

export interface Held {
  readonly port: number;
  readonly secretKey: string;
  readonly streams: number;
}

/** A tenant may open 160 a second. */
const BETWEEN_MS = 10;

let open = 0;

async function hold({ port, secretKey }: Held, externalId: string): Promise<void> {
  const asked = request({
    port,
    host: '127.0.0.1',
    path: `/v1/usage/stream?customer_id=${externalId}`,
    headers: { Authorization: `Bearer ${secretKey}` },
    agent: false,
  });
  asked.end();
  const [stream] = (await once(asked, 'response')) as [IncomingMessage];
  if (stream.statusCode !== 200) throw new Error(`A stream was answered with ${stream.statusCode}`);
  open += 1;
  stream.once('close', () => (open -= 1));
  // With the snapshot it is open for what follows.
  await once(stream, 'data');
  stream.resume();
}

async function holdAll(held: Held): Promise<void> {
  for (let index = 0; index < held.streams; index += 1) {
    await hold(held, customerId(index));
    await pause(BETWEEN_MS);
  }
  process.send?.(open);
  process.once('message', () => process.send?.(open, () => process.exit()));
}

if (process.send !== undefined) process.once('message', (held: Held) => void holdAll(held));
