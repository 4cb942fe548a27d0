import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from './support/browser.ts';

/** `@billingos/node` as it is published: where it can be imported. */

const ROOT = join(import.meta.dirname, '..');

describe('a bundle for the browser', () => {
  let browser: Browser;
  let host: Server;
  let url: string;
  beforeAll(async () => {
    const files = await bundle(['dist/index.js', 'dist/helpers/generic.js']);
    files.set('worker.js', WORKER);
    host = createServer((request, response) => {
      const code = files.get(request.url?.slice(1).split('?', 1)[0] ?? '');
      response.writeHead(200, { 'Content-Type': code === undefined ? 'text/html' : 'text/javascript' });
      response.end(code ?? '<!doctype html>');
    });
    await once(host.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
    browser = await launchBrowser();
    return async () => {
      await browser.close();
      host.close();
    };
  });

  test.each(['index.js', 'generic.js'])(
    'is imported without effect, in a page and in a worker: %s',
    async (entry) => {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('pageerror', ({ message }) => complaints.push(message));
      await page.goto(url);
      const globals = await page.evaluate('Object.keys(globalThis)');
      const inPage = await page.evaluate(`import('/${entry}').then(Object.keys)`);
      expect(inPage).toContain('createSessionRoute');
      expect(await page.evaluate('Object.keys(globalThis)')).toEqual(globals);
      const inWorker = await page.evaluate(`new Promise((resolve) => {
      const worker = new Worker('/worker.js?/${entry}', { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => resolve(message);
    })`);
      expect(inWorker).toEqual(inPage);
      expect(complaints).toEqual([]);
    },
  );

  test('holds a constructor that refuses', async () => {
    const page = await browser.newPage();
    await page.goto(url);
    const construction = `import('/index.js').then(({ BillingOS }) => void new BillingOS({ secretKey: 'sk_test_x' }))`;
    await expect(page.evaluate(construction)).rejects.toThrow('must not run in a browser');
  });
});

/** What a worker does that is asked for the exports of a module. */
const WORKER = 'postMessage(Object.keys(await import(location.search.slice(1))));';

/** What a bundler makes of the package's entries, by file name. */
async function bundle(entries: string[]): Promise<Map<string, string>> {
  const output = await build({
    configFile: false,
    root: join(ROOT, 'packages/node'),
    logLevel: 'silent',
    build: {
      write: false,
      rolldownOptions: {
        input: entries.map((entry) => join(ROOT, 'packages/node', entry)),
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' },
      },
    },
  });
  const chunks = (Array.isArray(output) ? output : [output]).flatMap((one) =>
    'output' in one ? one.output : [],
  );
  return new Map(chunks.flatMap((chunk) => (chunk.type === 'chunk' ? [[chunk.fileName, chunk.code]] : [])));
}
