import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `billingos dev` as users run it: the built program, in a process of its own. */
export interface DevProcess {
  readonly url: string;
  readonly secretKey: string;
  readonly customerId: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Asks it to stop and waits until it has. */
  stop(): Promise<void>;
  /** `kill -9`. */
  kill(): Promise<void>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<ApiReply>;
  get(path: string): Promise<ApiReply>;
}

export interface ApiReply {
  status: number;
  text: string;
  body: Record<string, unknown>;
  headers: Headers;
}

const CLI = join(import.meta.dirname, '../../packages/server/dist/cli.js');

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'billingos-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts it and waits for the address it prints. */
export async function startDevProcess(dataFolder: string, port = 0): Promise<DevProcess> {
  const child = spawn(process.execPath, [CLI, 'dev', '--port', String(port), '--data', dataFolder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await ready(child);
  const info = JSON.parse(readFileSync(join(dataFolder, 'dev.json'), 'utf8')) as {
    url: string;
    secret_key: string;
    customer_id: string;
  };
  const authorization = { Authorization: `Bearer ${info.secret_key}` };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  return {
    url: info.url,
    secretKey: info.secret_key,
    customerId: info.customer_id,
    port: Number(new URL(info.url).port),
    process: child,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async post(path, body, headers = {}) {
      return read(
        await fetch(info.url + path, {
          method: 'POST',
          headers: { ...authorization, 'Content-Type': 'application/json', ...headers },
          body: JSON.stringify(body),
        }),
      );
    },
    get: async (path) => read(await fetch(info.url + path, { headers: authorization })),
  };
}

async function read(response: Response): Promise<ApiReply> {
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: JSON.parse(text) as Record<string, unknown>,
    headers: response.headers,
  };
}

async function ready(child: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ctrl+C stops it')) resolve();
    });
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('exit', (code) => reject(new Error(`billingos dev ended with ${code}:\n${output}`)));
  });
}
