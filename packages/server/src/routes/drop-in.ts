import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { Problem } from '../problems.ts';
import { assetReply, readAsset, type Asset } from './assets.ts';
import type { AppEnv } from './route.ts';

/** The script-tag drop-in, read once at start: `/billingos.js`, its chunks beside it, and the one-file build. */

const ENTRY_MAX_AGE_S = 300;

/** @param folder where the build put the drop-in's files. */
export function dropInRoutes(app: Hono<AppEnv>, folder: string): void {
  const assets = readAssets(folder);
  app.get('/:file{billingos[A-Za-z0-9_.-]*\\.js}', (c) => {
    const asset = assets.get(c.req.param('file'));
    if (asset === undefined) throw new Problem('not_found', 'There is no such file.');
    return assetReply(asset, c.req.raw);
  });
}

function readAssets(folder: string): Map<string, Asset> {
  const files = readdirSync(folder).filter((file) => /^billingos[\w.-]*\.js$/.test(file));
  return new Map(
    files.map((file) => {
      const isEntry = file === 'billingos.js' || file === 'billingos.iife.js';
      const headers = {
        'Content-Type': 'text/javascript; charset=utf-8',
        'Cache-Control': isEntry
          ? `public, max-age=${ENTRY_MAX_AGE_S}`
          : 'public, max-age=31536000, immutable',
      };
      return [file, readAsset(join(folder, file), headers)];
    }),
  );
}
