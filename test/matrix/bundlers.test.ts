import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { pack, type Project, projectOf } from '../support/packed.ts';

/** Empty projects that install the tarballs and what users bundle with. */

const TOOLS = ['vite', 'webpack', 'esbuild', 'rollup'] as const;
const INSTALLED = [
  ...['vite@8.3.8', 'webpack@5.112.2', 'esbuild@0.28.2', 'rollup@4.67.4'],
  ...['@rollup/plugin-node-resolve@16.0.3', '@rollup/plugin-commonjs@29.0.3', '@rollup/plugin-replace@6.0.3'],
  ...['react@19.3.1', 'react-dom@19.3.1', 'vue@3.5.45'],
];
/** What only the other elements have. */
const OTHERS = /billing-upgrade-nudge\b.*customElements|class="rows"|showModal/s;

const FRAMEWORKS = /useLayoutEffect|react\.(?:transitional\.)?element|createVNode|__v_skip/;

let project: Project;
let browser: Browser;

beforeAll(async () => {
  project = projectOf('bundlers', [], []);
  const tarball = pack('@billingos/sdk', project.path);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', tarball, ...INSTALLED], {
    cwd: project.path,
    stdio: 'pipe',
  });
  browser = await launchBrowser();
  return async () => {
    await browser.close();
    project.remove();
  };
});

describe.each(TOOLS)('%s', (tool) => {
  test('keeps the registration of an element, and leaves the others and every framework out', async () => {
    const files = bundle(tool, 'elements');
    const code = [...files.values()].join('\n');
    expect([...bundle(tool, 'all').values()].join('\n')).toMatch(OTHERS);
    expect(code).not.toMatch(OTHERS);
    expect(code).not.toMatch(FRAMEWORKS);
    const markup = '<billing-usage-bar consumed="3" limit="4" label="Cups"></billing-usage-bar>';
    expect(await meterIn(files, 'elements', markup)).toBe('3');
  });

  test.each(['react', 'vue'])('bundles one component of %s without the others', async (framework) => {
    const files = bundle(tool, framework);
    const code = [...files.values()].join('\n');
    expect(code).toMatch(FRAMEWORKS);
    expect(code).not.toMatch(OTHERS);
    expect(await meterIn(files, framework, '')).toBe('3');
  });
});

/** The files that a tool makes of an entry, by path. */
function bundle(tool: string, entry: string): Map<string, string> {
  execFileSync(process.execPath, ['bundle.js', tool, entry], { cwd: project.path, stdio: 'pipe' });
  const folder = join(project.path, 'out', tool, entry);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );
  return new Map(names.map((name) => [`/${name}`, readFileSync(join(folder, name), 'utf8')]));
}

/** What the meter says on a page with the bundle. */
async function meterIn(files: Map<string, string>, entry: string, markup: string): Promise<string | null> {
  const page = await browser.newPage();
  await page.route('http://app.test/**', async (route) => {
    const code = files.get(new URL(route.request().url()).pathname);
    const body = code ?? `<!doctype html><body>${markup}<script type="module" src="/${entry}.js"></script>`;
    await route.fulfill({ contentType: code === undefined ? 'text/html' : 'text/javascript', body });
  });
  await page.goto('http://app.test/');
  const value = await page.getByRole('meter', { name: 'Cups' }).getAttribute('aria-valuenow');
  await page.close();
  return value;
}
