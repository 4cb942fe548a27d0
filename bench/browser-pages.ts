import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync } from 'node:zlib';

/** A host's site for benches in a browser: pages, and the session route beside an API of another origin. */

export const SESSION_PATH = '/api/billingos-session';

export interface HostSite {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param files path → type and body; served compressed, as a host does */
export async function startHost(
  files: Readonly<Record<string, { readonly type: string; readonly body: string }>>,
  session: () => Promise<string>,
): Promise<HostSite> {
  const compressed = new Map(
    Object.entries(files).map(([path, { type, body }]) => [path, { type, body: brotliCompressSync(body) }]),
  );
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const file = compressed.get(path);
    if (path === SESSION_PATH) {
      void session().then((text) => {
        response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
        response.end(text);
      });
    } else if (file === undefined) {
      response.writeHead(404).end();
    } else {
      response.writeHead(200, { 'Content-Type': file.type, 'Content-Encoding': 'br' });
      response.end(file.body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
