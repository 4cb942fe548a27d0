import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../packages/server/src/ledger/postgres/migrations.ts';
import {
  type CodeBlock,
  codeBlocksIn,
  documentAt,
  DOCUMENTS,
  headingsOf,
  linksOf,
  named,
} from './support/documents.ts';
import { ELEMENTS } from './support/manifest.ts';
import { complaintsOf, type Project, projectOf, ROOT } from './support/packed.ts';
import { commandsOf, missingFor } from './support/shell-block.ts';

/** What the README and the guides say, against what there is. Their pages and servers run in document-pages.test.ts. */

const COMPILED = ['ts', 'tsx', 'vue', 'js'];
const RUN = ['html', 'css', 'http'];
const READ = ['sh', 'json', 'sql', 'text'];

const exists = (path: string) => existsSync(join(ROOT, path));

test('every block of code is of a language that is checked', () => {
  const checked = [...COMPILED, ...RUN, ...READ];
  expect(codeBlocksIn().filter(({ language }) => !checked.includes(language))).toEqual([]);
});

describe('links', () => {
  test('lead to a file, and to a heading in it', () => {
    const leads = (file: string, heading?: string) =>
      heading === undefined ? exists(file) : headingsOf(documentAt(file)).includes(heading);
    const links = DOCUMENTS.flatMap((document) => linksOf(document));
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(({ file, heading }) => !leads(file, heading))).toEqual([]);
  });

  test('of the index lead to every guide', () => {
    const linked = linksOf(documentAt('docs/README.md')).map(({ file }) => file);
    const guides = DOCUMENTS.map(({ path }) => path).filter((path) => /^docs\/(?!README)/.test(path));
    expect(guides.filter((path) => !linked.includes(path))).toEqual([]);
  });
});

describe('code', () => {
  let project: Project;
  beforeAll(() => {
    project = projectOf('documents', [], []);
    symlinkSync(join(ROOT, 'node_modules'), join(project.path, 'node_modules'));
  });
  afterAll(() => project.remove());

  /** What the compilers say of these blocks, each a module of its own. */
  function faultsOf(blocks: readonly CodeBlock[]): string[] {
    for (const { path, line, language, code } of blocks) {
      const file = join(project.path, 'blocks', path, `${line}.${language}`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, code);
    }
    const told =
      complaintsOf('vue-tsc/bin/vue-tsc.js', ['-p', project.path]) +
      complaintsOf('typescript/bin/tsc', ['-p', join(project.path, 'tsconfig.js.json')]);
    return told.split('\n').filter((line) => line.includes('error TS'));
  }

  test('compiles against the types of the packages, and would not with a wrong name in it', () => {
    const wrong = COMPILED.map((language, line) => {
      const script = "import { nothing } from '@billingos/sdk/client';\nconsole.log(nothing);\n";
      const code = language === 'vue' ? `<script setup lang="ts">\n${script}</script>` : script;
      return { path: 'wrong', line, language, code };
    });
    const faults = faultsOf([...codeBlocksIn(...COMPILED), ...wrong]);
    const isWanted = (fault: string) => fault.includes('/wrong/') && fault.includes("'nothing'");
    expect(faults.filter((fault) => !isWanted(fault))).toEqual([]);
    expect(faults.filter(isWanted)).toHaveLength(wrong.length);
  });
});

describe('commands', () => {
  const settings = ['packages/server/src/settings.ts', 'packages/node/src/billing-os.ts']
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');

  test.each(named(codeBlocksIn('sh')))('of %s name what there is', async (_, { code }) => {
    const commands = commandsOf(code);
    const missing = await Promise.all(commands.map(missingFor));
    expect(missing.flat()).toEqual([]);
    const variables = commands.flatMap((command) => command.variables);
    expect(variables.filter((name) => !settings.includes(`'${name}'`))).toEqual([]);
  });

  test('would not pass with a wrong name in them', async () => {
    const code = 'npm run nothing\nbillingos keys create --nothing x && billingos nothing\nnothing';
    const missing = await Promise.all(commandsOf(code).map(missingFor));
    expect(missing.flat()).toEqual(['nothing', '--nothing', 'billingos nothing', 'nothing']);
  });
});

test.each(named(codeBlocksIn('json')))('the catalog of %s is one', (_, { code }) => {
  const schema = readFileSync(join(ROOT, 'packages/server/catalog.schema.json'), 'utf8');
  const ajv = new Ajv2020({ strict: false });
  ajv.validate(JSON.parse(schema) as object, JSON.parse(code));
  expect(ajv.errors).toBeNull();
});

test.each(named(codeBlocksIn('text')))('the folders of the picture of %s are there', (_, { code }) => {
  const folders = code.match(/\b(?:src|packages)\/[\w/]+/g) ?? [];
  expect(folders.length).toBeGreaterThan(4);
  expect(folders.filter((path) => !exists(path))).toEqual([]);
});

test('the README’s table has every element with every attribute, and no other', () => {
  const rows = documentAt('README.md').text.matchAll(/^\| `<(billing-[\w-]+)>` +\|.*\|(.*)\|$/gm);
  const told = Array.from(rows, ([, tag, cell = '']) => {
    const attributes = Array.from(cell.matchAll(/`([\w-]+)`/g), ([, name]) => name);
    return [tag, attributes.sort()];
  });
  const there = Array.from(ELEMENTS, ([tag, { attributes }]) => [tag, [...attributes].sort()]);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(there));
});

test('the SQL for Citus gives each table of the PostgreSQL schema a place', () => {
  const tables = MIGRATIONS.join('').matchAll(/create table (\w+)/g);
  const placed = codeBlocksIn('sql').flatMap(({ code }) => [...code.matchAll(/_table\('(\w+)'/g)]);
  expect(placed.map(([, name]) => name).sort()).toEqual([...tables].map(([, name]) => name).sort());
});
