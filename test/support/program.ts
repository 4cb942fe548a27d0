import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The built `billingos` program, in processes of its own. */

const CLI = join(import.meta.dirname, '../../packages/server/dist/cli.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program may find in its environment beside what a test gives it; no setting of ours. */
const { PATH, HOME, TMPDIR } = process.env;

export type Environment = Readonly<Record<string, string>>;

/** Runs a command until it ends. */
export async function billingos(args: readonly string[], env: Environment = {}, input = ''): Promise<Ended> {
  const child = start(args, env);
  // A command that reads nothing may have ended before the input is written.
  child.stdin.on('error', () => undefined).end(input);
  return ended(child);
}

/** Runs a command until it says something on standard error that matches, and kills it there. */
export async function killedAt(said: RegExp, args: readonly string[], env: Environment): Promise<void> {
  const { code, stderr } = await signalledAt(said, 'SIGKILL', args, env);
  if (code !== null) throw new Error(`It ended before it was killed: ${stderr}`);
}

/** Runs a command for so long, or until it ends by itself before. */
export async function killedAfter(
  milliseconds: number,
  args: readonly string[],
  env: Environment,
): Promise<Ended> {
  const child = start(args, env);
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  const end = await ended(child);
  clearTimeout(timer);
  return end;
}

/** Runs a command until it ends, and sends it a signal each time that it says something on standard error that matches. */
export async function signalledAt(
  said: RegExp,
  signal: NodeJS.Signals,
  args: readonly string[],
  env: Environment,
): Promise<Ended> {
  const child = start(args, env);
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.test(chunk.toString())) child.kill(signal);
  });
  return ended(child);
}

/** `billingos serve`, listening. */
export interface ServeProcess {
  readonly url: string;
  readonly pid: number | undefined;
  /** Where metrics are; empty where there are none. */
  readonly adminUrl: string;
  /** What it prints in the end, once it has ended. */
  readonly ended: Promise<Ended>;
  signal(signal: NodeJS.Signals): void;
}

/** @param cli another build of the program. */
export async function startServe(
  args: readonly string[],
  env: Environment = {},
  cli = CLI,
): Promise<ServeProcess> {
  const child = start(['serve', '--port', '0', ...args], env, cli);
  const ending = ended(child);
  let output = '';
  await Promise.race([
    ending.then(({ stderr }) => {
      throw new Error(`billingos serve ended: ${stderr}`);
    }),
    new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('Stop it with')) resolve();
      });
    }),
  ]);
  const [, url = ''] = /Listens +(\S+)/.exec(output) ?? [];
  const [, adminUrl = ''] = /Metrics +(\S+)\/metrics/.exec(output) ?? [];
  return { url, adminUrl, pid: child.pid, ended: ending, signal: (signal) => child.kill(signal) };
}

function start(args: readonly string[], env: Environment, cli = CLI): ChildProcessWithoutNullStreams {
  const own = Object.entries({ PATH, HOME, TMPDIR }).filter(([, value]) => value !== undefined);
  return spawn(process.execPath, [cli, ...args], { env: { ...Object.fromEntries(own), ...env } });
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
