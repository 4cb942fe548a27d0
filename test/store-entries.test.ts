import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from './support/browser.ts';
import { bundle } from './support/bundle.ts';
import { FaultProxy } from './support/fault-proxy.ts';

/** The headless entries in a page and in a worker: importing them does nothing. */

const LAYERS = ['client', 'store'];
const NAMES = ['createClient', 'createStore'];

/** What an import left behind, and what it gave. */
interface Imported {
  names: string[];
  newGlobals: string[];
  databases: number;
  locks: number;
}

/** Imports a module, and looks around. As text, because vitest rewrites the imports that it sees. */
const LOOK = `
  export async function look(url) {
    const before = new Set(Object.getOwnPropertyNames(globalThis));
    const names = Object.keys(await import(url));
    const { held, pending } = await navigator.locks.query();
    return {
      names,
      newGlobals: Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name)),
      databases: (await indexedDB.databases()).length,
      locks: held.length + pending.length,
    };
  }
`;

let browser: Browser;
let host: FaultProxy;
let page: Page;
const requested: string[] = [];

beforeAll(async () => {
  const files = await bundle(LAYERS);
  // There is no API behind this host: whatever asks for one fails.
  host = await FaultProxy.start('http://127.0.0.1:1');
  const serve = (path: string, type: string, body: string) =>
    host.hostRoutes.set(path, () => {
      requested.push(path);
      return { type, body };
    });
  for (const { fileName, code } of files) serve(`/${fileName}`, 'text/javascript', code);
  serve('/', 'text/html', '<!doctype html>');
  serve('/look.js', 'text/javascript', LOOK);
  serve(
    '/worker.js',
    'text/javascript',
    `import { look } from '/look.js'; postMessage(await look('/application.js'));`,
  );
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  await host.stop();
});

beforeEach(async () => {
  page = await browser.newPage();
  await page.goto(host.url);
  requested.length = 0;
});

test('a page imports them and nothing happens', async () => {
  const imported = await page.evaluate<Imported>(
    `import('/look.js').then(({ look }) => look('/application.js'))`,
  );
  expectNothing(imported);
});

test('a worker imports them and nothing happens', async () => {
  const imported = await page.evaluate(
    () =>
      new Promise<Imported>((resolve, reject) => {
        const worker = new Worker('/worker.js', { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data as Imported);
        worker.onerror = ({ message }) => reject(new Error(message));
      }),
  );
  expectNothing(imported);
});

function expectNothing({ names, ...left }: Imported): void {
  expect(names).toEqual(expect.arrayContaining(NAMES));
  expect(left).toEqual({ newGlobals: [], databases: 0, locks: 0 });
  // What comes later comes when it is needed.
  expect(requested).toContain('/application.js');
  expect(requested.filter((path) => path.includes('background'))).toEqual([]);
}
