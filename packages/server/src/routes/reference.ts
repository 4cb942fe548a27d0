import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { Problem } from '../problems.ts';
import { assetReply, readAsset, type Asset } from './assets.ts';
import type { AppEnv } from './route.ts';

/** `/docs`: openapi.json as a page to read and to try, rendered in the browser by Swagger UI. */

const PAGE_FOLDER = join(import.meta.dirname, '..', '..', 'reference');
/** Put there by the build. */
const LIBRARY_FOLDER = join(import.meta.dirname, '..', '..', 'public', 'swagger-ui');

const FILES: Record<string, { folder: string; type: string }> = {
  'index.html': { folder: PAGE_FOLDER, type: 'text/html; charset=utf-8' },
  'reference.css': { folder: PAGE_FOLDER, type: 'text/css; charset=utf-8' },
  'reference.js': { folder: PAGE_FOLDER, type: 'text/javascript; charset=utf-8' },
  'swagger-ui.css': { folder: LIBRARY_FOLDER, type: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { folder: LIBRARY_FOLDER, type: 'text/javascript; charset=utf-8' },
};

/** Nothing but this server's own; the library sets styles on elements and draws with data: images. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function referenceRoutes(app: Hono<AppEnv>): void {
  const assets = new Map<string, Asset>();

  /** Read at first need: few servers are ever asked for their documentation. */
  function assetOf(name: string): Asset {
    const known = assets.get(name);
    if (known !== undefined) return known;
    const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    const path = file && join(file.folder, name);
    if (file === undefined || path === undefined || !existsSync(path)) {
      throw new Problem('not_found', `There is no /docs/${name}.`);
    }
    const asset = readAsset(path, {
      'Content-Type': file.type,
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'Referrer-Policy': 'no-referrer',
    });
    assets.set(name, asset);
    return asset;
  }

  app.get('/docs', (c) => assetReply(assetOf('index.html'), c.req.raw));
  app.get('/docs/:file', (c) => assetReply(assetOf(c.req.param('file')), c.req.raw));
}
