import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { consumed } from './support/app-page.ts';
import { temporaryFolder } from './support/dev-server.ts';
import { codeBlocksIn, named } from './support/documents.ts';
import { ELEMENTS, type ElementNames } from './support/manifest.ts';
import { ROOT } from './support/packed.ts';
import { SESSION_PATH, Site } from './support/site.ts';

/** The pages, style sheets, headers and the server in the README and the guides, in Chromium against the real API. */

/** Where the guides say that the API is. */
const API_ADDRESS = 'https://usage.example.com';
const INTEGRITY = JSON.parse(readFileSync(join(ROOT, 'dist/cdn/integrity.json'), 'utf8')) as Record<
  string,
  string
>;
/** Where the README's server listens. */
const README_PORT = '3000';

let site: Site;
beforeAll(async () => {
  site = await Site.start();
});
afterAll(() => site.stop());

const hosted = (code: string) =>
  code
    .replaceAll(API_ADDRESS, site.host.url)
    .replaceAll(
      /(?<=\/(billingos[\w.]*\.js)"\s+integrity=")sha384-…/g,
      (_, name: string) => INTEGRITY[name] ?? '',
    );

test.each(named(codeBlocksIn('html')))(
  'the page of %s shows usage, with attributes that there are',
  async (_, { code }) => {
    const { page, complaints } = await site.open(hosted(code));
    await page.getByRole('meter').first().waitFor();
    const tags = await page.evaluate(() =>
      Array.from(document.querySelectorAll('*'), ({ localName }) => localName).filter((name) =>
        name.startsWith('billing-'),
      ),
    );
    expect(tags.length).toBeGreaterThan(0);
    for (const tag of tags) {
      const used = await page
        .locator(tag)
        .first()
        .evaluate((element) => element.getAttributeNames());
      expect(ELEMENTS.get(tag)?.attributes).toEqual(expect.arrayContaining(used));
    }
    expect(complaints).toEqual([]);
    await page.context().close();
  },
);

test('the button that tracks from a page tracks', async () => {
  const [code = '', ...others] = codeBlocksIn('html')
    .map((block) => block.code)
    .filter((text) => text.includes('trackUsage'));
  expect(others).toEqual([]);
  site.user = 'berta';
  const { page, complaints } = await site.open(hosted(code));
  const bar = page.locator('billing-usage-bar');
  await bar.getByText('0 of 50').waitFor();
  await page.getByRole('button').click();
  await bar.getByText('1 of 50').waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test.each(named(codeBlocksIn('css')))(
  'the style sheet of %s is valid, and names what there is',
  async (_, { code }) => {
    const { page } = await site.open('');
    const rules = await page.evaluate((text) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      return Array.from(sheet.cssRules as unknown as CSSStyleRule[], ({ selectorText, style }) => ({
        selector: selectorText,
        declared: Array.from(style),
      }));
    }, code);
    await page.context().close();

    // What a browser does not understand, it drops.
    expect(rules).toHaveLength(code.match(/\{/g)?.length ?? 0);
    for (const { selector, declared } of rules) {
      expect(declared).not.toEqual([]);
      const tag = /^billing-[\w-]+/.exec(selector)?.[0];
      const known = (kind: keyof ElementNames) =>
        Array.from(ELEMENTS).flatMap(([name, names]) =>
          tag === undefined || tag === name ? names[kind] : [],
        );
      const named = (pattern: RegExp) => Array.from(selector.matchAll(pattern), ([, name]) => name);
      expect(known('properties')).toEqual(
        expect.arrayContaining(declared.filter((name) => name.startsWith('--'))),
      );
      expect(known('parts')).toEqual(expect.arrayContaining(named(/::part\((.+?)\)/g)));
      expect(known('states')).toEqual(expect.arrayContaining(named(/:state\((.+?)\)/g)));
    }
  },
);

test.each(named(codeBlocksIn('http')))('the elements work under the header of %s', async (_, { code }) => {
  const [, name = '', value = ''] = /^([\w-]+): ([^]*)$/.exec(code.replaceAll(/\s+/g, ' ').trim()) ?? [];
  const { page, complaints, violations } = await site.open(
    `<script type="module" src="/billingos.js"></script>
    <billing-provider session-token-url="${SESSION_PATH}" api-url="${site.host.url}">
      <billing-usage-display></billing-usage-display>
    </billing-provider>`,
    { headers: { [name]: value } },
  );
  await page.locator('billing-usage-display .live').waitFor();
  expect([await violations(), complaints]).toEqual([[], []]);
  // The policy is in force: without it this would pass.
  await page.evaluate(() => document.body.setAttribute('style', 'color: red'));
  expect(await violations()).toHaveLength(1);
  await page.context().close();
});

test('a page that says another hash than the script has refuses the script', async () => {
  const [block] = codeBlocksIn('html').filter(({ code }) => code.includes('integrity="sha384-…"'));
  const { page, complaints } = await site.open(
    hosted(block?.code ?? '').replace(/sha384-.{4}/, 'sha384-AAAA'),
  );
  await expect.poll(() => complaints.join()).toContain('integrity');
  await page.context().close();
});

describe('the code for servers', () => {
  const GUIDES = ['docs/node.md', 'docs/moving-from-the-hosted-api.md', 'packages/node/README.md'];
  /** What a block takes from the reader's application, and from a block before it. */
  const BEFORE = `
    import { BillingOS as Known } from '@billingos/node';
    const requestId = crypto.randomUUID();
    const currentUser = async () => ({ id: 'user_123' });
    globalThis.billing = new Known();
  `;
  /** What the reader's application does with what a block exports, and fails when it is not as the guide says. */
  const AFTER: Record<string, string> = {
    countCall: "if (!(await countCall('erik', requestId))) throw new Error('not counted');",
    GET: "if ((await GET(new Request('http://localhost'))).status !== 200) throw new Error('no session');",
  };

  const blocks = codeBlocksIn('ts').filter(({ path }) => GUIDES.includes(path));

  /** Runs a block for this customer until it is through. */
  function run(code: string, customerId: string): void {
    const folder = temporaryFolder();
    const settled = code
      .replaceAll(API_ADDRESS, site.api.url)
      .replaceAll('user_123', customerId)
      .replaceAll(README_PORT, '0')
      .replaceAll('/var/lib/my-app', folder.path);
    const used = Object.entries(AFTER).filter(([name]) => new RegExp(`export .*\\b${name}\\b`).test(code));
    const program = [BEFORE, settled, ...used.map(([, after]) => after), 'process.exit();'].join('\n');
    const { outputText } = ts.transpileModule(program, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', outputText], {
      cwd: ROOT,
      env: { ...process.env, ...apiSettings() },
      encoding: 'utf8',
    });
    folder.remove();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }

  test.each(named(blocks))('of %s runs', async (name, { code }) => {
    site.user = name.replaceAll(/\W/g, '_');
    // Whoever is made must not be there. The others are, and have a seat to give back.
    if (!code.includes('createCustomer(')) await site.track('team_members', 1);
    run(code, site.user);
  });

  test('moves what was used so far once, however often it is run', async () => {
    const code = blocks.find((block) => block.code.includes('moved-'))?.code ?? '';
    for (let time = 1; time <= 3; time += 1) run(code, 'dora');
    expect(await consumed(site.api, 'dora', 'api_calls')).toBe(842);
    expect(await consumed(site.api, 'dora', 'team_members')).toBe(4);
  });
});

describe('the server of the README', () => {
  test('shows usage, moves it, and refuses what is past the limit', async () => {
    const [program] = codeBlocksIn('js').filter(({ path }) => path === 'README.md');
    const port = String(await freePort());
    const code = (program?.code ?? '').replaceAll(README_PORT, port);
    const server = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: ROOT,
      env: { ...process.env, ...apiSettings() },
    });
    try {
      const [address] = (await once(server.stdout, 'data')) as [Buffer];
      const page = await site.browser.newPage();
      await page.goto(address.toString().trim());
      const display = page.locator('billing-usage-display');
      await display.getByText('0 of 100').waitFor();
      await page.getByRole('button', { name: 'Make an API call' }).click();
      await display.getByText('1 of 100').waitFor();

      site.user = site.api.customerId;
      await site.track('api_calls', 99);
      await page.locator('billing-upgrade-nudge [part~="upgrade"]').waitFor();
      const refusal = page.waitForResponse(/\/work$/);
      await page.getByRole('button', { name: 'Make an API call' }).click();
      expect((await refusal).status()).toBe(402);
    } finally {
      server.kill();
    }
  });
});

function apiSettings(): Record<string, string> {
  return { BILLINGOS_API_URL: site.api.url, BILLINGOS_SECRET_KEY: site.api.secretKey };
}

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
