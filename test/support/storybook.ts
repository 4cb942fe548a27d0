import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { fingerprintOf } from '../../scripts/build.js';

/** The static Storybook, as `npm run storybook:build` makes it, and its stories one after the other in one page. */

const root = join(import.meta.dirname, '../..');
const STORYBOOK = join(root, 'node_modules/storybook/dist/bin/dispatcher.js');
const OUTPUT = join(root, '.storybook/dist');
const STAMP = join(OUTPUT, 'fingerprint.txt');
/** What it is made of. */
const SOURCES = [
  '.storybook',
  'stories',
  'src',
  'custom-elements.json',
  'vite.config.ts',
  'package-lock.json',
];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export interface Story {
  readonly id: string;
  readonly importPath: string;
  readonly exportName: string;
}

/** Builds it, unless nothing it is made of has changed since, and tells its stories. */
export function buildStorybook(): Story[] {
  const fingerprint = fingerprintOf(SOURCES);
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== fingerprint) {
    execFileSync(process.execPath, [STORYBOOK, 'build', '--quiet', '--output-dir', OUTPUT], {
      cwd: root,
      stdio: 'pipe',
    });
    writeFileSync(STAMP, fingerprint);
  }
  const { entries } = JSON.parse(readFileSync(join(OUTPUT, 'index.json'), 'utf8')) as {
    entries: Record<string, Story & { type: string }>;
  };
  return Object.values(entries).filter(({ type }) => type === 'story');
}

export async function serveStorybook(): Promise<{ url: string; stop: () => void }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    readFile(join(OUTPUT, pathname)).then(
      (body) => response.setHeader('Content-Type', TYPES[extname(pathname)] ?? 'text/plain').end(body),
      () => response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}

/** The frame that stories are drawn in, without a story yet, and without the accessibility panel's own checks. */
export async function openFrame(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/iframe.html?viewMode=story`);
  await page.waitForFunction(() => '__STORYBOOK_ADDONS_CHANNEL__' in window);
  await page.evaluate(async () => {
    await window.__STORYBOOK_PREVIEW__.ready();
    window.__STORYBOOK_ADDONS_CHANNEL__.emit('updateGlobals', { globals: { a11y: { manual: true } } });
  });
}

/** Draws a story and plays it; tells what went wrong. */
export function playStory(page: Page, id: string): Promise<string[]> {
  return page.evaluate(async (storyId) => {
    const channel = window.__STORYBOOK_ADDONS_CHANNEL__;
    const wrong: string[] = [];
    const failures = [
      'storyMissing',
      'storyErrored',
      'storyThrewException',
      'playFunctionThrewException',
      'unhandledErrorsWhilePlaying',
    ].map((event) => ({
      event,
      listener: (error: unknown) => wrong.push(`${event}: ${JSON.stringify(error)}`),
    }));
    for (const { event, listener } of failures) channel.on(event, listener);
    await new Promise<void>((resolve) => {
      channel.on('storyFinished', function finished(story: unknown) {
        if ((story as { storyId: string }).storyId !== storyId) return;
        channel.off('storyFinished', finished);
        resolve();
      });
      channel.emit('setCurrentStory', { storyId, viewMode: 'story' });
    });
    for (const { event, listener } of failures) channel.off(event, listener);
    return wrong;
  }, id);
}

declare global {
  interface Window {
    __STORYBOOK_PREVIEW__: { ready: () => Promise<void> };
    __STORYBOOK_ADDONS_CHANNEL__: {
      on: (event: string, listener: (data: unknown) => void) => void;
      off: (event: string, listener: (data: unknown) => void) => void;
      emit: (event: string, data: unknown) => void;
    };
  }
}
