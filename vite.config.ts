import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import MagicString from 'magic-string';
import { type BuildEnvironmentOptions, defineConfig, parseSync, type Plugin, Visitor } from 'vite';

/*
 * Three builds, in this order, for the first empties all of `dist`, and the second what the third adds to:
 *   vite build                the library: one module per source module, dependencies left to the application
 *   vite build --mode cdn     the drop-in: `billingos.js` with its content-hashed chunks, and `billingos.iife.js`
 *   vite build --mode ahead   `billingos-ahead.js`, which shares no chunk with it: that would be another round trip
 */

/** The oldest browsers served (UI contract §1). */
const TARGET = ['chrome125', 'edge125', 'firefox126', 'safari17.5'];
const CDN_FOLDER = 'dist/cdn';
const CDN_ENTRY = 'src/cdn.ts';
const CDN_BACKGROUND = 'src/cdn-background.ts';
const CDN_AHEAD = 'src/cdn-ahead.ts';
const ELEMENTS = /\/src\/elements\/.+\.ts$/;
const ACTION = /\/src\/(?:(?:.*[./])?define|ask-ahead)\.ts$/;

/** `sideEffects` in package.json names built files; of the sources, these are what it means. */
const keepActions: Plugin = {
  name: 'billingos:keep-actions',
  enforce: 'pre',
  transform: {
    filter: { id: ACTION },
    handler: (code) => ({ code, map: null, moduleSideEffects: true }),
  },
};

/** A template's text is shipped as it stands, and templates are laid out for their readers. */
const packTemplates: Plugin = {
  name: 'billingos:pack-templates',
  enforce: 'pre',
  transform: {
    filter: { id: ELEMENTS, code: /\b(?:html|svg|css)`/ },
    handler: (code, id) => {
      const packed = new MagicString(code);
      new Visitor({
        TaggedTemplateExpression: ({ tag, quasi }) => {
          const pack = tag.type === 'Identifier' ? PACKERS.get(tag.name) : undefined;
          if (pack === undefined) return;
          for (const { start, end } of quasi.quasis) {
            if (start < end) packed.update(start, end, pack(code.slice(start, end)));
          }
        },
      }).visit(parseSync(id, code).program);
      return { code: packed.toString(), map: packed.generateMap({ source: id, hires: 'boundary' }) };
    },
  },
};

/**
 * Lets a page give the drop-in's address a query, as cache busters do: its parts carry it on to each other. Without, a
 * part would import `billingos.js` by its bare name: to a browser another module, with a store of its own.
 */
const carryQuery: Plugin = {
  name: 'billingos:carry-query',
  generateBundle({ format }, bundle) {
    if (format !== 'es') return;
    for (const part of Object.values(bundle)) {
      if (part.type !== 'chunk' || part.imports.length + part.dynamicImports.length === 0) continue;
      const code = part.code
        .replace(/import\{([^}]*)\}from("[^"]+");/g, (_, names: string, from: string) => {
          return `const{${names.replaceAll(' as ', ':')}}=await import(${from});`;
        })
        .replace(/\bimport\(("[^"]+"|`[^`]+`)\)/g, 'import($1+billingosQuery)');
      part.code = `const billingosQuery=new URL(import.meta.url).search;${code}`;
    }
  },
};

/** What client and store load after the first numbers is needed together, so it is one file of the drop-in. */
const joinBackgrounds: Plugin = {
  name: 'billingos:join-backgrounds',
  enforce: 'pre',
  resolveId: (source, _importer, { kind }) =>
    source === './background.ts' && kind === 'dynamic-import'
      ? join(import.meta.dirname, CDN_BACKGROUND)
      : null,
};

const PACKERS = new Map([
  ['html', packMarkup],
  ['svg', packMarkup],
  ['css', packStyles],
]);

/** To HTML the end of a line is what a space is, and nothing before the end of a tag. */
function packMarkup(markup: string): string {
  return markup.replace(/\s*\n\s*(>?)/g, (_, end: string) => end || ' ');
}

/** White space stays where it separates: in values, and between selectors. */
function packStyles(css: string): string {
  return css
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]|!important) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/(?<=[ (,:-])0(?=\.)/g, '')
    .replaceAll(';}', '}');
}

const library: BuildEnvironmentOptions = {
  target: TARGET,
  minify: false,
  sourcemap: true,
  lib: { entry: libraryEntries(), formats: ['es'] },
  rolldownOptions: {
    external: [/^lit(\/|$)/, /^@lit\//, /^ofetch$/, /^react(\/|$)/, /^vue$/],
    // Kept, because modules stay modules.
    onLog: (level, log, handle) => {
      if (!(log.code === 'MODULE_LEVEL_DIRECTIVE' && log.message.includes('use client'))) handle(level, log);
    },
    output: { preserveModules: true, preserveModulesRoot: 'src', entryFileNames: '[name].js' },
  },
};

const cdn: BuildEnvironmentOptions = {
  target: TARGET,
  outDir: CDN_FOLDER,
  lib: { entry: { billingos: CDN_ENTRY }, name: 'BillingOS' },
  rolldownOptions: {
    // The drop-in always has the display, which connects at once; the bar alone connects when it has to.
    checks: { ineffectiveDynamicImport: false },
    // What chunks share stays in the entry, which is there already: a file of its own would cost the first numbers
    // another round trip.
    preserveEntrySignatures: 'allow-extension',
    // Vite leaves the white space in an ES library, for the application's bundler. Here is none after us.
    output: [
      {
        format: 'es',
        minify: true,
        comments: false,
        entryFileNames: '[name].js',
        chunkFileNames: 'billingos-[name]-[hash].js',
      },
      {
        format: 'iife',
        name: 'BillingOS',
        minify: true,
        codeSplitting: false,
        entryFileNames: '[name].iife.js',
      },
    ],
  },
};

const ahead: BuildEnvironmentOptions = {
  target: TARGET,
  outDir: CDN_FOLDER,
  emptyOutDir: false,
  lib: { entry: { 'billingos-ahead': CDN_AHEAD }, formats: ['es'] },
  rolldownOptions: { output: { minify: true, comments: false, entryFileNames: '[name].js' } },
};

const BUILDS: Readonly<Record<string, BuildEnvironmentOptions>> = { cdn, ahead };

export default defineConfig(({ mode }) => ({
  publicDir: false,
  plugins: [keepActions, packTemplates, ...(mode === 'cdn' ? [carryQuery, joinBackgrounds] : [])],
  build: BUILDS[mode] ?? library,
}));

/** The source of every single entry that package.json exports. */
function libraryEntries(): string[] {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>;
  };
  return (
    Object.values(manifest.exports)
      .flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry)))
      .filter(
        (file) => file.startsWith('./dist/') && file.endsWith('.js') && !file.startsWith(`./${CDN_FOLDER}/`),
      )
      // The catalogues are modules of the library anyway: the elements import them when they need one.
      .filter((file) => !file.includes('*'))
      .map((file) => file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'))
  );
}
