import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll } from 'vitest';

/** A server in a process of its own, so that what is measured of it is not the attacker's. */
export interface AttackedServer extends Facts {
  /** How it is, since this was last asked. */
  figures(): Promise<Figures>;
}

export interface Facts {
  readonly url: string;
  readonly tenants: readonly {
    readonly id: string;
    readonly secretKey: string;
    readonly sessionToken: string;
  }[];
}

export interface Figures {
  /** What the event loop was late by, at the 99.9th percentile. */
  readonly delayMs: number;
  /** What a loop without work was late by meanwhile, on the same machine, at the 99.9th percentile. */
  readonly idleDelayMs: number;
  /** What its own work held the event loop for in one turn, at the 99.9th percentile and at the most. */
  readonly heldMs: number;
  readonly heldMsMax: number;
  readonly memoryMiB: number;
  /** Sockets and timers that are open. */
  readonly busy: number;
  /** Errors that were no reply of the contract's. */
  readonly errors: readonly string[];
}

const VICTIM = join(import.meta.dirname, 'victim.ts');

/** One for the tests of a file. */
export function useAttackedServer(): AttackedServer {
  const server = {} as AttackedServer;
  beforeAll(async () => {
    const child = fork(VICTIM, {
      cwd: join(import.meta.dirname, '../../..'),
      execArgv: ['--import', './scripts/typescript.js', '--expose-gc'],
    });
    const [facts] = (await once(child, 'message')) as [Facts];
    Object.assign(server, facts, {
      async figures() {
        const told = once(child, 'message');
        child.send('how are you?');
        const [figures] = (await told) as [Figures];
        return figures;
      },
    });
    return () => child.disconnect();
  });
  return server;
}
