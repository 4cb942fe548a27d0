import { afterEach, beforeEach } from 'vitest';
import { temporaryFolder } from './dev-server.ts';
import { billingos, startServe, type Environment, type ServeProcess } from './program.ts';

/** What each test of a file has for itself: a folder, and servers that end with it. */
export interface Servers {
  readonly data: { readonly path: string };
  readonly serve: (args: readonly string[], env?: Environment) => Promise<ServeProcess>;
}

/** For the whole of a test file. */
export function useServers(): Servers {
  let folder: ReturnType<typeof temporaryFolder>;
  let running: ServeProcess[];
  beforeEach(() => {
    folder = temporaryFolder();
    running = [];
  });
  afterEach(async () => {
    for (const server of running) server.signal('SIGKILL');
    await Promise.all(running.map(({ ended }) => ended));
    folder.remove();
  });
  return {
    data: {
      get path() {
        return folder.path;
      },
    },
    async serve(args, env) {
      const server = await startServe(args, env);
      running.push(server);
      return server;
    },
  };
}

/** Runs a command with `--json` that must succeed. */
export async function facts<T>(args: readonly string[], env: Environment = {}): Promise<T> {
  const { code, stdout, stderr } = await billingos([...args, '--json'], env);
  if (code !== 0) throw new Error(stderr + stdout);
  return JSON.parse(stdout) as T;
}
