import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Listening } from './api-server.ts';

/**
 * What no server on Node can be faster than: `node:http` alone, which parses the body that it is sent and answers the
 * bytes that the API has answered.
 */

/** A reply of the API's, as it came. */
export interface RawReply {
  readonly status: number;
  /** Names and values in turn, without those that Node adds by itself. */
  readonly headers: readonly string[];
  readonly body: string;
}

function main({ status, headers, body }: RawReply): void {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        if (chunks.length > 0) JSON.parse(Buffer.concat(chunks).toString());
        outgoing.writeHead(status, [...headers]).end(body);
      });
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.send?.({ port, secretKey: '' } satisfies Listening);
  });
}

if (process.send !== undefined) {
  process.once('message', (reply: RawReply) => {
    main(reply);
    process.once('message', () => process.exit());
  });
}
