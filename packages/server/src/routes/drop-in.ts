import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { Problem } from '../problems.ts';
import { assetReply, readAsset, type Asset } from './assets.ts';
import type { AppEnv } from './route.ts';

/** The script-tag drop-in, read once at start: `/billingos.js`, its chunks beside it, and the one-file build. */

const ENTRY = 'billingos.js';
/** Those that a page names: the others have the hash of their content in theirs. */
const PAGE_SCRIPTS = [ENTRY, 'billingos-ahead.js', 'billingos.iife.js'];
const PAGE_SCRIPT_MAX_AGE_S = 300;

/** The build has not put the drop-in where it is served from. */
export class DropInMissingError extends Error {
  override readonly name = 'DropInMissingError';
}

/**
 * @param folder where the build put the drop-in's files.
 * @throws DropInMissingError
 */
export function dropInRoutes(app: Hono<AppEnv>, folder: string): void {
  const assets = readAssets(folder);
  app.get('/:file{billingos[A-Za-z0-9_.-]*\\.js}', (c) => {
    const asset = assets.get(c.req.param('file'));
    if (asset === undefined) throw new Problem('not_found', 'There is no such file.');
    return assetReply(asset, c.req.raw);
  });
}

function readAssets(folder: string): Map<string, Asset> {
  const present = existsSync(folder) ? readdirSync(folder) : [];
  const files = present.filter((file) => /^billingos[\w.-]*\.js$/.test(file));
  if (!files.includes(ENTRY)) {
    throw new DropInMissingError(
      `${join(folder, ENTRY)} is missing. In a clone, run: npm run build. Elsewhere, install @billingos/server anew.`,
    );
  }
  return new Map(
    files.map((file) => {
      const headers = {
        'Content-Type': 'text/javascript; charset=utf-8',
        'Cache-Control': PAGE_SCRIPTS.includes(file)
          ? `public, max-age=${PAGE_SCRIPT_MAX_AGE_S}`
          : 'public, max-age=31536000, immutable',
      };
      return [file, readAsset(join(folder, file), headers)];
    }),
  );
}
