import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A file that is served as it is, read once. */
export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function readAsset(path: string, headers: Record<string, string>): Asset {
  const body = new Uint8Array(readFileSync(path));
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { body, etag, headers: { ...headers, ETag: etag } };
}

/** The file, or word that the one the browser has is still it. */
export function assetReply(asset: Asset, ifNoneMatch: string | undefined): Response {
  const { body, etag, headers } = asset;
  if (ifNoneMatch === etag) return new Response(null, { status: 304, headers });
  return new Response(body, { headers });
}
