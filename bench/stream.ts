import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../test/support/browser.ts';
import { SESSION_PATH, startHost } from './browser-pages.ts';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import { FEATURE } from './load-generator.ts';
import { NODE_OPTIONS, holdStreams, startApi, startGenerator, type Server } from './processes.ts';
import { machine, printFacts, printTable, progress, quantile, spreadOf } from './report.ts';

/**
 * How long after the reply to an event a page's bar shows it, while the streams of many other customers are open: these
 * quiet, and with events at a steady rate.
 */

const HELP = `Measures live usage up to the screen: npm run bench -- stream [options]

  --quick          one short round with a tenth of the streams, to see that it runs
  --rounds N       rounds, each with every figure (5)
  --seconds N      seconds per figure and round (20)
  --help           this text`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '20' },
  },
});

const STREAMS = options.quick ? 100 : 1_000;
const ROUNDS = options.quick ? 1 : Number(options.rounds);
const RUN_MS = options.quick ? 2_000 : Number(options.seconds) * 1_000;
const WARM_UP_MS = options.quick ? 500 : 3_000;
/** To the customers whose streams are held. */
const OTHERS_PER_S = 200;
const CONNECTIONS = 16;
/** Events come up to this long after the last was painted, and so at any point of a frame. */
const PAUSE_MS_MAX = 50;
/** What takes longer is not slow, but lost. */
const LOST_AFTER_MS = 10_000;
const CUSTOMER = 'watcher';

const LOADS = {
  quiet: { name: 'Event to pixel, the others quiet', others: 0 },
  busy: { name: `Event to pixel, ${OTHERS_PER_S} events/s to the others`, others: OTHERS_PER_S },
};
type Load = keyof typeof LOADS;

interface Round {
  readonly events: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Emits each number that the page has painted, with when that was: by the system's clock, which both processes have. */
type Paints = EventEmitter<Record<string, [at: number]>>;

async function main(): Promise<void> {
  const facts = machine();
  const api = await startApi();
  const generator = startGenerator();
  const browser = await launchBrowser();
  const host = await startHost({ '/': { type: 'text/html', body: pageOf(api) } }, () =>
    post(api, '/v1/session-tokens', { externalUserId: CUSTOMER }),
  );
  const configuration = {
    ...facts,
    nodeOptions: NODE_OPTIONS,
    chromium: browser.version(),
    streams: STREAMS,
    rounds: ROUNDS,
    runMs: RUN_MS,
  };
  printFacts(configuration);
  const measured: Record<Load, Round[]> = { quiet: [], busy: [] };
  try {
    progress(`Opening ${STREAMS} streams`);
    const release = await holdStreams(api, STREAMS);
    const send = await watch(browser, host.url, api);
    const run = async (load: Load, runMs: number): Promise<Round> => {
      const perS = LOADS[load].others;
      const others = { route: 'track', customers: STREAMS, connections: CONNECTIONS, perS, runMs } as const;
      const [round] = await Promise.all([measure(send, runMs), perS > 0 && generator.run(others, api)]);
      return round;
    };
    await run('busy', WARM_UP_MS);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const load of Object.keys(LOADS) as Load[]) {
        progress(`${LOADS[load].name}: round ${round + 1} of ${ROUNDS}`);
        measured[load].push(await run(load, RUN_MS));
      }
    }
    const held = await release();
    if (held !== STREAMS) throw new Error(`Of ${STREAMS} streams ${held} stayed open`);
  } finally {
    generator.stop();
    await browser.close();
    await host.stop();
    await api.stop();
  }
  progress('');
  const figures = (Object.keys(LOADS) as Load[]).map((load) => figureOf(load, measured[load]));
  printRounds(measured);
  printFigures(figures);
  writeFigures('stream', { configuration, figures, measured });
}

async function measure(send: () => Promise<number>, runMs: number): Promise<Round> {
  const timesMs: number[] = [];
  for (const end = performance.now() + runMs; performance.now() < end;) {
    timesMs.push(await send());
    await pause(Math.random() * PAUSE_MS_MAX);
  }
  return { events: timesMs.length, p50Ms: quantile(timesMs, 0.5), p99Ms: quantile(timesMs, 0.99) };
}

/**
 * Opens a page that shows the customer's usage, live.
 * @returns tracks one event; milliseconds from its reply until the page had painted it, below 0 if that came first
 */
async function watch(browser: Browser, url: string, api: Server): Promise<() => Promise<number>> {
  const context = await browser.newContext({ locale: 'en' });
  const page = await context.newPage();
  const paints: Paints = new EventEmitter();
  await page.exposeFunction('painted', (consumed: string, at: number) => void paints.emit(consumed, at));
  let consumed = 0;
  const track = async (): Promise<number> => {
    consumed += 1;
    const painted = once(paints, String(consumed), { signal: AbortSignal.timeout(LOST_AFTER_MS) });
    await post(api, '/v1/usage/track', { customer_id: CUSTOMER, feature_key: FEATURE, quantity: 1 });
    const repliedAt = Date.now();
    const [at] = (await painted) as [number];
    return at - repliedAt;
  };
  const shown = once(paints, '0', { signal: AbortSignal.timeout(LOST_AFTER_MS) });
  await page.goto(url);
  await shown;
  return track;
}

/** A change of the bar is in the next frame, and that has been painted when the task after its callbacks runs. */
function pageOf({ port }: Server): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Live</title>
<script type="module" src="http://127.0.0.1:${port}/billingos.js"></script>
<body>
<billing-provider session-token-url="${SESSION_PATH}">
  <billing-usage-bar feature-key="${FEATURE}"></billing-usage-bar>
</billing-provider>
<script type="module">
  await customElements.whenDefined('billing-usage-bar');
  const { shadowRoot } = document.querySelector('billing-usage-bar');
  let shown;
  const look = () => {
    const consumed = shadowRoot.querySelector('.value bdi')?.textContent.split(' ')[0].replaceAll(',', '');
    if (consumed === undefined || consumed === shown) return;
    shown = consumed;
    requestAnimationFrame(() => setTimeout(() => painted(consumed, Date.now())));
  };
  new MutationObserver(look).observe(shadowRoot, { subtree: true, childList: true, characterData: true });
  look();
</script>`;
}

/** @returns the reply's body */
async function post({ port, secretKey }: Server, path: string, body: object): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${path} was answered with ${reply.status}: ${text}`);
  return text;
}

function figureOf(load: Load, rounds: readonly Round[]): Figure {
  return {
    name: LOADS[load].name,
    reference: '–',
    unit: 'ms',
    atMost: 250,
    value: spreadOf(rounds.map(({ p99Ms }) => p99Ms)),
  };
}

function printRounds(measured: Readonly<Record<Load, readonly Round[]>>): void {
  printTable(
    [`${STREAMS} streams open`, 'events', 'p50 ms', 'p99 ms', 'lowest–highest'],
    (Object.keys(LOADS) as Load[]).map((load) => {
      const rounds = measured[load];
      const { median, min, max } = spreadOf(rounds.map(({ p99Ms }) => p99Ms));
      return [
        LOADS[load].name,
        String(rounds.reduce((sum, { events }) => sum + events, 0)),
        spreadOf(rounds.map(({ p50Ms }) => p50Ms)).median.toFixed(0),
        median.toFixed(0),
        `${min.toFixed(0)}–${max.toFixed(0)}`,
      ];
    }),
  );
}

if (options.help) console.log(HELP);
else await main();
