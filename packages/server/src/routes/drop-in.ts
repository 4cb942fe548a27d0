import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { Problem } from '../problems.ts';
import type { AppEnv } from './route.ts';

/** The script-tag drop-in, read once at start: `/billingos.js`, its chunks beside it, and the one-file build. */

const ENTRY_MAX_AGE_S = 300;

interface Asset {
  body: Uint8Array<ArrayBuffer>;
  etag: string;
  cacheControl: string;
}

/** @param folder where the build put the drop-in's files. */
export function dropInRoutes(app: Hono<AppEnv>, folder: string): void {
  const assets = readAssets(folder);
  app.get('/:file{billingos[A-Za-z0-9_.-]*\\.js}', (c) => {
    const asset = assets.get(c.req.param('file'));
    if (asset === undefined) throw new Problem('not_found', 'There is no such file.');
    const headers = { ETag: asset.etag, 'Cache-Control': asset.cacheControl };
    if (c.req.header('if-none-match') === asset.etag) return c.body(null, 304, headers);
    return c.body(asset.body, 200, { ...headers, 'Content-Type': 'text/javascript; charset=utf-8' });
  });
}

function readAssets(folder: string): Map<string, Asset> {
  const files = readdirSync(folder).filter((file) => /^billingos[\w.-]*\.js$/.test(file));
  return new Map(
    files.map((file) => {
      const body = new Uint8Array(readFileSync(join(folder, file)));
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      const named = file === 'billingos.js' || file === 'billingos.iife.js';
      const cacheControl = named
        ? `public, max-age=${ENTRY_MAX_AGE_S}`
        : 'public, max-age=31536000, immutable';
      return [file, { body, etag, cacheControl }];
    }),
  );
}
