import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

/** A file that is served as it is, or compressed as the build has left it beside it; read once. */
export interface Asset {
  readonly plain: Representation;
  readonly brotli: Representation | undefined;
}

interface Representation {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function readAsset(path: string, headers: Readonly<Record<string, string>>): Asset {
  const compressed = `${path}.br`;
  if (!existsSync(compressed)) return { plain: read(path, headers), brotli: undefined };
  const both = { ...headers, Vary: 'Accept-Encoding' };
  return { plain: read(path, both), brotli: read(compressed, { ...both, 'Content-Encoding': 'br' }) };
}

/** The file, or word that the one the browser has is still it. */
export function assetReply({ plain, brotli }: Asset, request: Request): Response {
  const takesBrotli = /\bbr\b(?!\s*;\s*q=0(?:\.0*)?(?:,|\s|$))/.test(
    request.headers.get('Accept-Encoding') ?? '',
  );
  const { body, etag, headers } = takesBrotli && brotli !== undefined ? brotli : plain;
  if (request.headers.get('If-None-Match') === etag) return new Response(null, { status: 304, headers });
  return new Response(body, { headers });
}

function read(path: string, headers: Readonly<Record<string, string>>): Representation {
  const body = new Uint8Array(readFileSync(path));
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { body, etag, headers: { ...headers, ETag: etag } };
}
