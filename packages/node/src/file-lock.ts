import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { ConfigurationError } from '../../../src/client/errors.ts';

/** The longest path that a socket can have on every system, in bytes. */
const SOCKET_PATH_BYTES_MAX = 103;

/**
 * Takes a file for this process alone, until the returned function is called or the process dies.
 *
 * The lock is a listening socket beside the file, which nobody listens to any more once its process is dead, however
 * it died; a process id in a file would tell nothing in a container, where all are 1. Each has a name of its own, so
 * what is dead stays dead and can be removed. Everybody announces itself before it looks for others: of two that
 * start in the same instant at least one sees the other and refuses.
 *
 * @throws ConfigurationError `buffer_in_use` when another process, or this one, has it
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const prefix = `${basename(path)}.lock-`;
  const own = `${prefix}${process.pid}-${randomBytes(4).toString('hex')}`;
  const server = await announce(join(dirname(path), own));
  const release = () => new Promise<void>((resolve) => server.close(() => resolve()));
  try {
    const names = await readdir(dirname(path));
    for (const name of names.filter((one) => one.startsWith(prefix) && one !== own)) {
      const other = join(dirname(path), name);
      if (await isAlive(other)) throw inUse(path, name.slice(prefix.length).split('-')[0]);
      await rm(other, { force: true });
    }
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

async function announce(socketPath: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).unref();
  try {
    if (Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX) {
      throw new Error(`${socketPath} is longer than ${SOCKET_PATH_BYTES_MAX} bytes`);
    }
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(socketPath, resolve);
    });
    return server;
  } catch (cause) {
    throw new ConfigurationError(
      `buffer.file cannot be locked (${String(cause)}). Give a short path on a local disk of Linux or macOS.`,
      { code: 'buffer_unusable', cause },
    );
  }
}

/** Whether somebody listens. What cannot be reached for another reason than that is taken for alive. */
function isAlive(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const answer = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      answer(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

function inUse(path: string, pid: string | undefined): ConfigurationError {
  return new ConfigurationError(
    `${path} is the buffer of process ${pid}. Give each process a file of its own, or let that one end first.`,
    { code: 'buffer_in_use' },
  );
}
