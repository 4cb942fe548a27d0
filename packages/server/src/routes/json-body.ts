import type { IncomingMessage } from 'node:http';
import { Problem, validationProblem } from '../problems.ts';
import type { Asked } from './asked.ts';

/** Deep enough for any honest metadata; shallow enough that no recursion over it can run out of stack. */
const BODY_DEPTH_MAX = 32;
/** Of one object. What is honest has a tenth of it; what has thousands is made to keep somebody busy. */
const BODY_MEMBERS_MAX = 1_000;

/**
 * What is read and thrown away of a body that turns out too large, before it is refused: a connection that is cut in
 * the middle of a request takes the reply, or the next request on it, with it.
 */
const DISCARDED_BYTES_MAX = 8 * 1024 * 1024;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json[\t ]*(?:;|$)/i;

/** Fatal, so that two different ill-formed texts never become one. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON value of a request's body. An absent body is `{}`, whatever its type is said to be.
 * @throws Problem for what is too large, not JSON by its type or content, or nested beyond reason.
 */
export async function readJson(asked: Asked, bytesMax: number): Promise<unknown> {
  const bytes = await readBytes(asked.incoming, bytesMax);
  if (bytes.byteLength === 0) return {};
  if (!JSON_TYPE.test(asked.header('content-type') ?? '')) {
    throw new Problem('unsupported_media_type', 'Send the body as Content-Type: application/json.');
  }
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    throw new Problem('invalid_json', `The body is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const excess = excessOf(value, BODY_DEPTH_MAX);
  if (excess === null) return value;
  throw validationProblem(`The body is more than can be read: ${excess}.`, [{ path: '', message: excess }]);
}

/**
 * Past the stream of the Fetch request: to make one takes longer than all else that a small request needs, and every
 * chunk of a slow one costs again.
 */
function readBytes(incoming: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    function tooLarge(): void {
      const detail = `The body may have ${bytesMax} bytes at most.`;
      reject(new Problem('payload_too_large', detail, { bytes_max: bytesMax }));
    }
    function brokenOff(): void {
      if (!incoming.readableEnded) reject(new Problem('invalid_json', 'The body broke off.'));
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) tooLarge();
    else if (incoming.destroyed) brokenOff();
    else
      incoming
        // The length may be absent or a lie: what arrives is counted.
        .on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes <= bytesMax) chunks.push(chunk);
          else if (bytes > bytesMax + DISCARDED_BYTES_MAX) tooLarge();
        })
        .on('end', () => {
          if (bytes > bytesMax) tooLarge();
          else resolve(Buffer.concat(chunks));
        })
        .on('error', brokenOff)
        .on('close', brokenOff);
  });
}

/** What a value has too much of, if anything. */
function excessOf(value: unknown, levels: number): string | null {
  if (typeof value !== 'object' || value === null) return null;
  if (levels === 0) return `at most ${BODY_DEPTH_MAX} levels`;
  const members: unknown[] = Array.isArray(value) ? value : Object.values(value);
  if (members.length > BODY_MEMBERS_MAX && !Array.isArray(value)) {
    return `at most ${BODY_MEMBERS_MAX} members of an object`;
  }
  for (const member of members) {
    const excess = excessOf(member, levels - 1);
    if (excess !== null) return excess;
  }
  return null;
}
