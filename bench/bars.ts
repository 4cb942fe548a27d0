import { parseArgs } from 'node:util';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { launchBrowser } from '../test/support/browser.ts';
import { type Figure, printFigures, writeFigures } from './figures.ts';
import { machine, printFacts, printTable, spreadOf } from './report.ts';

/**
 * Many connected bars on one page: how long an update of the store that changes all of them takes to be laid out, how
 * many render when one changes, and their memory, beside hand-written DOM that looks the same, by the same markup and
 * style sheets, and is written the same.
 */

const HELP = `Measures many bars on a page: npm run bench -- bars [options]

  --quick      five rounds, to see that it runs
  --rounds N   updates that are timed (31)
  --help       this text`;

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '31' },
  },
});

const BARS = 1_000;
const WARM_UP_ROUNDS = 5;
const DROP_IN = join(import.meta.dirname, '../dist/cdn/billingos.iife.js');

/** What a page can be asked for. All of it lives in the page, as text: the loader's helpers are not there. */
interface Bench {
  /** Puts the bars on the page. */
  fill(): Promise<void>;
  /** Changes all; milliseconds until that is laid out. */
  changeAll(): Promise<number>;
}

const COMMON = `
  const row = (index, consumed) => ({
    feature_key: 'feature_' + index, feature_title: 'Feature ' + index, product_name: 'Bench', consumed, limit: 1000,
    remaining: 1000 - consumed, percentage_used: Math.floor(consumed / 10), period_start: '2026-02-01T00:00:00.000Z',
    period_end: null, resets_in_days: null, feature_type: 'usage_quota', unit: null, decimals: 0, overage: 0,
    overage_allowed: false, warn_at: 80, status: 'ok', sequence: consumed, revision: 1,
    as_of: '2026-02-03T00:00:00.000Z' });
  let consumed = 100;
  const timed = async (change) => {
    document.body.offsetHeight;
    const started = performance.now();
    await change();
    document.body.offsetHeight;
    return performance.now() - started;
  };`;

const BARS_PAGE = `${COMMON}
  let push;
  let rows = Array.from({ length: ${BARS} }, (_, index) => row(index, consumed));
  const client = {
    customer: async () => 'bench',
    usageMetrics: async () => ({ metrics: rows, customer_id: 'bench', external_user_id: 'bench' }),
    nudges: async () => [],
    async *stream() {
      for (;;) yield await new Promise((resolve) => (push = resolve));
    },
  };
  const store = BillingOS.createStore(client, { storage: 'memory' });
  const bars = () => Array.from(document.querySelectorAll('billing-usage-bar'));
  const settled = () => Promise.all(bars().map((bar) => bar.updateComplete));
  const told = (event) => new Promise((resolve) => {
    const leave = store.subscribe(() => { leave(); resolve(settled()); });
    push(event);
  });
  const snapshot = (metrics) => ({ event: 'snapshot', data: { metrics, customer_id: 'bench', external_user_id: 'bench' } });
  let renders = 0;
  const { prototype } = customElements.get('billing-usage-bar');
  const { update: render } = prototype;
  prototype.update = function (changed) { renders += 1; return render.call(this, changed); };
  window.bench = {
    async fill() {
      for (let index = 0; index < ${BARS}; index += 1) {
        const bar = document.createElement('billing-usage-bar');
        bar.featureKey = 'feature_' + index;
        bar.store = store;
        document.body.append(bar);
      }
      while (push === undefined) await new Promise((resolve) => setTimeout(resolve));
      await told(snapshot(rows));
    },
    changeAll() {
      consumed += 1;
      rows = rows.map((_, index) => row(index, consumed));
      return timed(() => told(snapshot(rows)));
    },
    async rendersOfOneChange() {
      renders = 0;
      await told({ event: 'usage', data: row(0, consumed + 1) });
      return renders;
    },
    markup: () => bars()[0].shadowRoot.innerHTML.replace(/<!--.*?-->/gs, ''),
    styles: () => customElements.get('billing-usage-bar').elementStyles.map(({ cssText }) => cssText).join('')
      .replace(/:host(?:\\((.+?)\\))?/g, '.host$1'),
  };`;

const DOM_PAGE = (markup: string, styles: string) => `${COMMON}
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(${JSON.stringify(styles)});
  document.adoptedStyleSheets = [sheet];
  const template = document.createElement('template');
  template.innerHTML = ${JSON.stringify(markup)};
  let bars = [];
  window.bench = {
    async fill() {
      bars = Array.from({ length: ${BARS} }, (_, index) => {
        const bar = document.createElement('div');
        bar.className = 'host';
        bar.append(template.content.cloneNode(true));
        bar.querySelector('.name bdi').textContent = 'Feature ' + index;
        document.body.append(bar);
        const meter = bar.querySelector('[role=meter]');
        return { value: bar.querySelector('.value bdi'), meter, fill: meter.querySelector('rect[part=fill]') };
      });
    },
    changeAll() {
      consumed += 1;
      return timed(() => {
        const text = consumed.toLocaleString('en') + ' of 1,000 used';
        for (const { value, meter, fill } of bars) {
          value.textContent = consumed.toLocaleString('en') + ' of 1,000';
          meter.setAttribute('aria-valuenow', consumed);
          meter.setAttribute('aria-valuetext', text);
          fill?.setAttribute('width', consumed / 10 + '%');
        }
      });
    },
  };`;

declare global {
  interface Window {
    bench: Bench & { rendersOfOneChange(): Promise<number>; markup(): string; styles(): string };
  }
}

async function main(): Promise<void> {
  const rounds = options.quick ? 5 : Number(options.rounds);
  const facts = machine();
  const browser = await launchBrowser();
  try {
    const configuration = { ...facts, chromium: browser.version(), bars: BARS, rounds };
    printFacts(configuration);
    const context = await browser.newContext({ locale: 'en' });
    const page = await context.newPage();
    await open(page, readFileSync(DROP_IN, 'utf8') + BARS_PAGE);
    const bars = await measure(page, await context.newCDPSession(page), rounds);
    const renders = await page.evaluate(() => window.bench.rendersOfOneChange());
    const markup = await page.evaluate(() => window.bench.markup());
    const styles = await page.evaluate(() => window.bench.styles());
    const plain = await context.newPage();
    await open(plain, DOM_PAGE(markup, styles));
    const dom = await measure(plain, await context.newCDPSession(plain), rounds);
    print(bars, dom);
    const figures = figuresOf(bars, dom, renders);
    printFigures(figures);
    writeFigures('bars', { configuration, figures, measured: { bars, dom } });
  } finally {
    await browser.close();
  }
}

async function open(page: Page, script: string): Promise<void> {
  await page.setContent('<!doctype html><html lang="en"><title>Bars</title><body></body></html>');
  await page.addScriptTag({ content: `{${script}}` });
}

async function measure(page: Page, devtools: CDPSession, rounds: number) {
  const before = await bytesUsed(devtools);
  await page.evaluate(() => window.bench.fill());
  const bytes = (await bytesUsed(devtools)) - before;
  const times: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const ms = await page.evaluate(() => window.bench.changeAll());
    if (round >= 0) times.push(ms);
  }
  return { changeAllMs: times, bytesPerBar: Math.round(bytes / BARS) };
}

/** Of scripts and of the DOM, after everything unused is gone. */
async function bytesUsed(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize, embedderHeapUsedSize } = await devtools.send('Runtime.getHeapUsage');
  return usedSize + embedderHeapUsedSize;
}

type Measured = Awaited<ReturnType<typeof measure>>;

function print(bars: Measured, dom: Measured): void {
  const line = (name: string, { changeAllMs, bytesPerBar }: Measured) => {
    const { median, min, max } = spreadOf(changeAllMs);
    return [name, median.toFixed(1), `${min.toFixed(1)}–${max.toFixed(1)}`, String(bytesPerBar)];
  };
  printTable(
    [`${BARS} bars`, 'all change, ms', 'lowest–highest', 'bytes a bar'],
    [line('hand-written DOM', dom), line('<billing-usage-bar>', bars)],
  );
}

function figuresOf(bars: Measured, dom: Measured, renders: number): Figure[] {
  const reference = 'hand-written DOM that looks the same';
  const domMs = spreadOf(dom.changeAllMs).median;
  return [
    {
      name: `An update that changes all of ${BARS} bars, laid out`,
      reference,
      unit: '×',
      atMost: 2,
      value: spreadOf(bars.changeAllMs.map((ms) => ms / domMs)),
    },
    {
      name: 'Memory of a connected bar',
      reference,
      unit: '×',
      atMost: 4,
      value: spreadOf([bars.bytesPerBar / dom.bytesPerBar]),
    },
    {
      name: `Bars that render when one of ${BARS} changes`,
      reference: '–',
      unit: '',
      atMost: 1,
      value: spreadOf([renders]),
    },
  ];
}

if (options.help) console.log(HELP);
else await main();
