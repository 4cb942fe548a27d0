import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import ts from 'typescript';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AppBench, buildApp, consumed } from './support/app-page.ts';
import type { DevProcess } from './support/dev-server.ts';
import { complaintsOf, type Project, projectOf, ROOT } from './support/packed.ts';
import { reactModules } from './support/react-version.ts';

/** The published guide, word for word: its code compiles, runs, and means what it says. */

const FIXTURE = join(ROOT, 'test/fixtures/guide');
const LINKED = [
  '@lit/context',
  'lit',
  'ofetch',
  'react',
  'react-dom',
  '@types/node',
  '@types/react',
  '@types/react-dom',
];

let project: Project;
let bench: AppBench;
beforeAll(async () => {
  const modules = reactModules();
  project = projectOf('guide', ['@billingos/sdk', '@billingos/node'], LINKED, modules.path);
  bench = await AppBench.start(await buildApp(project.path));
  return async () => {
    await bench.stop();
    project.remove();
    modules.remove();
  };
});

describe('the fixture', () => {
  const guide = readFileSync(join(FIXTURE, 'guide.txt'), 'utf8');
  const sources = readdirSync(join(FIXTURE, 'src')).map((name) =>
    readFileSync(join(FIXTURE, 'src', name), 'utf8'),
  );
  const blocks = codeBlocksOf(guide);

  test('has a source for every code block', () => {
    expect(blocks.map((block) => block.split('\n', 1)[0])).toEqual([
      'import { useTrackUsage } from "@billingos/sdk";',
      'import { BillingOS } from "@billingos/node";',
      'import { UsageDisplay } from "@billingos/sdk";',
      'import { useUsageMetrics } from "@billingos/sdk";',
      'import { useIsApproachingLimit } from "@billingos/sdk";',
    ]);
  });

  test.each(blocks.map((block) => [block.split('\n', 1)[0] ?? '', block] as const))(
    'holds every line of the block of %s, in order and unchanged',
    (_, block) => {
      const holding = sources.filter((source) => holdsInOrder(source, block.split('\n\n')));
      expect(holding).toHaveLength(1);
    },
  );

  test('compiles strictly, the packages’ own types included, and good and bad props are told apart', () => {
    expect(complaintsOf('typescript/bin/tsc', ['-p', project.path])).toBe('');
  });
});

describe('the server’s code', () => {
  test('counts a call, and a keyed call once', async () => {
    const { api } = bench;
    runServerCode(project.path, api);
    expect(await consumed(api, 'user_123', 'api_calls')).toBe(2);
    runServerCode(project.path, api);
    expect(await consumed(api, 'user_123', 'api_calls')).toBe(3);
  });
});

describe.each(['client', 'hydrated'] as const)('the application, %s, under StrictMode', (mode) => {
  let page: Page;

  beforeEach(async () => {
    page = await bench.visit(mode);
    await page.getByText('API calls: 0 / 100').waitFor();
  });

  afterEach(async () => {
    await page.context().close();
    // Whatever a test does, nothing is to be said about it.
    expect(bench.complaints).toEqual([]);
  });

  test('shows all meters, and one', async () => {
    const displays = page.locator('billing-usage-display');
    await displays.first().getByRole('heading', { name: 'Your usage' }).waitFor();
    expect(await displays.first().locator('[part~="row"]').count()).toBeGreaterThan(2);
    expect(await displays.last().locator('[part~="row"]').count()).toBe(1);
  });

  test('draws the custom bar', async () => {
    await bench.track('api_calls', 42);
    await page.getByText('API calls: 42 / 100').waitFor();
    expect(await page.locator('.bg-green-500').getAttribute('style')).toBe('width: 42%;');
    expect(await page.locator('.text-sm').textContent()).toMatch(/^Resets in \d+ days$/);
  });

  test('counts an upload in gigabytes', async () => {
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Upload' }).click();
    const tracked = page.waitForResponse(/track-usage/);
    const file = { name: 'one.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(1024) };
    await (await chooser).setFiles(file);
    await tracked;
    expect(await bench.consumed('storage_gb')).toBe(9.53674e-7);
  });

  test('counts each click once, over one live connection and with one session', async () => {
    const call = page.getByRole('button', { name: 'Call the API' });
    for (let click = 0; click < 5; click += 1) await call.click();
    await page.getByText('API calls: 5 / 100').waitFor();
    await expect.poll(() => bench.consumed('api_calls')).toBe(5);
    expect(new Set(bench.host.tracked).size).toBe(5);
    await expect.poll(() => bench.host.streams.size).toBe(1);
    expect(bench.sessions).toBe(1);
  });

  test('is near the limit at 80 of 100, and not before', async () => {
    await bench.track('api_calls', 79);
    await page.getByText('API calls: 79 / 100').waitFor();
    expect(await page.locator('#near-limit').textContent()).toBe('far');
    await bench.track('api_calls', 1);
    await page.getByText('API calls: 80 / 100').waitFor();
    expect(await page.locator('#near-limit').textContent()).toBe('near');
  });

  test('tells of the wish to upgrade', async () => {
    await bench.track('api_calls', 80);
    await page.locator('billing-upgrade-nudge').locator('[part="upgrade"]').click();
    await page.getByText('upgrade to price_pro_month').waitFor();
  });

  test('tells of a dismissal', async () => {
    await bench.track('api_calls', 80);
    await page.locator('billing-upgrade-nudge').getByRole('button', { name: 'Dismiss' }).click();
    await page.getByText('dismissed by user').waitFor();
  });
});

/** The guide's blocks of code: from an import to the next line of prose. */
function codeBlocksOf(guide: string): string[] {
  const prose = /^(?:[A-Z][\w“”’ -]*$|Server-side|The UpgradeNudge|Usage display)/;
  const blocks: string[] = [];
  let block: string[] | undefined;
  for (const line of guide.split('\n')) {
    if (line.startsWith('import ')) block = [];
    else if (prose.test(line)) block = undefined;
    if (block === undefined) continue;
    if (block.length === 0) blocks.push('');
    block.push(line);
    blocks[blocks.length - 1] = block.join('\n').trimEnd();
  }
  return blocks;
}

function holdsInOrder(source: string, paragraphs: readonly string[]): boolean {
  let from = 0;
  return paragraphs.every((paragraph) => {
    const at = source.indexOf(`${paragraph}\n`, from);
    from = at + paragraph.length;
    return at >= 0;
  });
}

function runServerCode(folder: string, api: DevProcess): void {
  const source = readFileSync(join(folder, 'src/server.ts'), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const program = `globalThis.requestId = 'r-1';\n${outputText}`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    env: { ...process.env, BILLINGOS_SECRET_KEY: api.secretKey, BILLINGOS_API_URL: api.url },
    stdio: 'pipe',
  });
}
