import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { build, type Rolldown } from 'vite';
import { launchBrowser } from '../test/support/browser.ts';
import { startDevProcess, temporaryFolder } from '../test/support/dev-server.ts';
import { SESSION_PATH, startHost } from './browser-pages.ts';
import { type Figure, printFigures, writeFigures } from './figures.ts';
import { machine, printFacts, printTable, progress, spreadOf } from './report.ts';

/**
 * How long after its navigation a page shows the first number of usage, on a slow phone's processor and line, beside
 * pages of other make that ask the same API for the same.
 */

const HELP = `Measures the time to the first usage on screen: npm run bench -- paint [options]

  --quick      three rounds, to see that it runs
  --rounds N   rounds, each with a new visitor per page (21)
  --help       this text`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '21' },
  },
});

const CPU_SLOWDOWN = 4;
const LATENCY_MS = 150;
const BITS_PER_S = 1_600_000;
const REACT = ['react@19.3.1', 'react-dom@19.3.1', '@tanstack/react-query@5'];

/** What tells developers what is wrong, on pages of their own machine. Visitors do not load it. */
const DEVELOPMENT = ['*/billingos-*checks-*.js', '*/billingos-grace-*.js'];

/** The pages, by name. */
const NAMES = {
  bare: 'a bare page that prints the number',
  dropIn: 'the drop-in',
  ahead: 'the drop-in, asked for ahead',
  react: 'React 19 and TanStack Query, one bar',
} as const;
type Name = keyof typeof NAMES;

async function main(): Promise<void> {
  const rounds = options.quick ? 3 : Number(options.rounds);
  const configuration = {
    ...machine(),
    cpuSlowdown: CPU_SLOWDOWN,
    latencyMs: LATENCY_MS,
    bitsPerS: BITS_PER_S,
    cache: 'empty in every round',
    rounds,
  };
  const folder = temporaryFolder();
  const api = await startDevProcess(folder.path);
  const customer = 'bench';
  await api.post('/v1/usage/track', { customer_id: customer, feature_key: 'api_calls', quantity: 42 });
  const script = { type: 'text/javascript', body: await bundleReact(folder.path, api.url) };
  const pages = Object.fromEntries(
    Object.entries(pagesOf(api.url)).map(([name, body]) => [`/${name}`, { type: 'text/html', body }]),
  );
  const host = await startHost({ ...pages, '/react.js': script }, async () => {
    return (await api.post('/v1/session-tokens', { externalUserId: customer })).text;
  });
  const browser = await launchBrowser();
  try {
    printFacts({ ...configuration, chromium: browser.version() });
    const names = Object.keys(NAMES) as Name[];
    const times: Record<Name, number[]> = { bare: [], dropIn: [], ahead: [], react: [] };
    for (let round = 0; round < rounds; round += 1) {
      progress(`round ${round + 1} of ${rounds}`);
      for (const name of names) times[name].push(await timeToNumber(browser, `${host.url}/${name}`));
    }
    progress('');
    print(times);
    const figures = figuresOf(times);
    printFigures(figures);
    writeFigures('paint', { configuration, figures, measured: times });
  } finally {
    await host.stop();
    await browser.close();
    await api.stop();
    folder.remove();
  }
}

/** From the navigation to the frame after the one that has the number. A new visitor: nothing is cached. */
async function timeToNumber(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext({ locale: 'en' });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.setBlockedURLs', { urls: DEVELOPMENT });
  await devtools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: LATENCY_MS,
    downloadThroughput: BITS_PER_S / 8,
    uploadThroughput: BITS_PER_S / 8,
  });
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN });
  await page.addInitScript({ content: WATCH_NUMBER });
  await page.goto(url, { waitUntil: 'commit' });
  const shown = await page.waitForFunction(() => window.numberShownMs);
  const ms = Number(await shown.jsonValue());
  await context.close();
  return ms;
}

declare global {
  interface Window {
    numberShownMs: number | undefined;
  }
}

/** When the page's first number has been painted. As text: the loader's helpers are not in the page. */
const WATCH_NUMBER = `
  requestAnimationFrame(function look() {
    const root = document.querySelector('#usage, billing-usage-display');
    const text = root === null ? '' : (root.shadowRoot ?? root).textContent;
    if (!/\\b42\\b/.test(text)) requestAnimationFrame(look);
    else setTimeout(() => (window.numberShownMs = performance.now()));
  });`;

function pagesOf(apiUrl: string): Record<Name, string> {
  const page = (head: string, body: string) =>
    `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Host</title>${head}<body>${body}</body></html>`;
  const tag = `<script type="module" src="${apiUrl}/billingos.js"></script>`;
  const ahead = `<link rel="preload" href="${SESSION_PATH}" as="fetch" crossorigin="use-credentials">
    <script type="module" src="${apiUrl}/billingos-ahead.js"></script>`;
  const elements = `<billing-provider session-token-url="${SESSION_PATH}">
    <billing-usage-display heading="Your usage">Your usage appears here.</billing-usage-display>
  </billing-provider>`;
  return {
    bare: page(
      '',
      `<p id="usage"></p><script>
      fetch('${SESSION_PATH}', { credentials: 'include' })
        .then((reply) => reply.json())
        .then(({ sessionToken }) =>
          fetch('${apiUrl}/v1/features/usage-metrics', { headers: { Authorization: 'Bearer ' + sessionToken } }))
        .then((reply) => reply.json())
        .then(({ metrics }) => {
          const { consumed } = metrics.find(({ feature_key }) => feature_key === 'api_calls');
          document.querySelector('#usage').textContent = consumed;
        });
    </script>`,
    ),
    dropIn: page(tag, elements),
    ahead: page(ahead + tag, elements),
    react: page('<script type="module" src="/react.js"></script>', '<div id="usage"></div>'),
  };
}

/** The smallest honest page: one query, one meter with its text. */
async function bundleReact(folder: string, apiUrl: string): Promise<string> {
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', '--prefix', folder, ...REACT], {
    stdio: 'pipe',
  });
  const entry = join(folder, 'application.js');
  writeFileSync(
    entry,
    `import { createElement as h } from 'react';
    import { createRoot } from 'react-dom/client';
    import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';

    async function metrics() {
      const { sessionToken } = await (await fetch('${SESSION_PATH}', { credentials: 'include' })).json();
      const headers = { Authorization: 'Bearer ' + sessionToken };
      const reply = await fetch('${apiUrl}/v1/features/usage-metrics', { headers });
      if (!reply.ok) throw new Error(String(reply.status));
      return (await reply.json()).metrics;
    }

    function Usage() {
      const { data, error } = useQuery({ queryKey: ['usage'], queryFn: metrics });
      if (error) return h('p', null, 'Not available');
      const row = data?.find(({ feature_key }) => feature_key === 'api_calls');
      if (row === undefined) return h('p', null, 'Loading');
      const text = row.consumed + ' of ' + row.limit;
      return h('label', null, row.feature_title, ' ',
        h('meter', { min: 0, max: row.limit, value: row.consumed }), ' ', text);
    }

    createRoot(document.querySelector('#usage')).render(
      h(QueryClientProvider, { client: new QueryClient() }, h(Usage)));`,
  );
  const built = await build({
    configFile: false,
    root: folder,
    logLevel: 'silent',
    publicDir: false,
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      target: 'chrome125',
      rolldownOptions: { input: entry, output: { minify: true, codeSplitting: false } },
    },
  });
  const { output } = built as Rolldown.RolldownOutput;
  return output[0].code;
}

function print(times: Readonly<Record<Name, readonly number[]>>): void {
  printTable(
    ['Usage visible after', 'ms', 'lowest–highest'],
    Object.entries(times).map(([name, ms]) => {
      const { median, min, max } = spreadOf(ms);
      return [NAMES[name as Name], median.toFixed(0), `${min.toFixed(0)}–${max.toFixed(0)}`];
    }),
  );
}

function figuresOf(times: Readonly<Record<Name, readonly number[]>>): Figure[] {
  const held = (name: Name, reference: Name, atMost: number): Figure => ({
    name: `Usage visible: ${NAMES[name]}`,
    reference: NAMES[reference],
    unit: '×',
    atMost,
    value: spreadOf(times[name].map((ms, round) => ms / (times[reference][round] ?? NaN))),
  });
  return [
    held('dropIn', 'bare', 1.25),
    held('ahead', 'bare', 1.25),
    held('dropIn', 'react', 0.6),
    held('ahead', 'react', 0.6),
  ];
}

if (options.help) console.log(HELP);
else await main();
