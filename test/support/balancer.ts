import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** One address for several servers: each connection goes to the next of them. */
export interface Balancer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startBalancer(urls: readonly string[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((socket) => {
    const { hostname, port } = new URL(urls[turn % urls.length] ?? '');
    turn += 1;
    const target = connect(Number(port), hostname);
    for (const [one, other] of [
      [socket, target],
      [target, socket],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy()).on('close', () => open.delete(one));
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
