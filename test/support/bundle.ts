import { join } from 'node:path';
import { build, type Rolldown, type UserConfig } from 'vite';

const root = join(import.meta.dirname, '../..');
const ENTRY = join(root, 'application.js');

/** The chunks of an application that is this one module, as if it lay at the repository's root. */
export async function bundle(
  code: string,
  { resolve, build: options }: Pick<UserConfig, 'resolve' | 'build'>,
): Promise<Rolldown.OutputChunk[]> {
  const application = {
    name: 'application',
    enforce: 'pre',
    resolveId: (id: string) => (id === ENTRY ? id : null),
    load: (id: string) => (id === ENTRY ? code : null),
  } as const;
  const built = await build({
    configFile: false,
    root,
    logLevel: 'silent',
    publicDir: false,
    plugins: [application],
    ...(resolve === undefined ? {} : { resolve }),
    build: {
      write: false,
      target: 'chrome125',
      lib: { entry: ENTRY, formats: ['es'], fileName: 'application' },
      ...options,
    },
  });
  const [{ output }] = built as [Rolldown.RolldownOutput];
  return output.filter((file) => file.type === 'chunk');
}

/** The files of an application that is made of these layers and nothing else, minified. */
export function bundleLayers(layers: readonly string[]): Promise<Rolldown.OutputChunk[]> {
  const lines = layers.map((layer) => `export * from './src/${layer}/index.ts';`);
  const rolldownOptions = { preserveEntrySignatures: 'allow-extension', output: { minify: true } } as const;
  return bundle(lines.join('\n'), { build: { rolldownOptions } });
}
