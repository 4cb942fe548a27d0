import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Rolldown } from 'vite';
import { temporaryFolder } from './dev-server.ts';

const root = join(import.meta.dirname, '../..');

/** The files of an application that is made of these layers and nothing else, minified. */
export async function bundle(layers: readonly string[]): Promise<Rolldown.OutputChunk[]> {
  const folder = temporaryFolder();
  const entry = join(folder.path, 'application.js');
  const lines = layers.map(
    (layer) => `export * from ${JSON.stringify(join(root, 'src', layer, 'index.ts'))};`,
  );
  writeFileSync(entry, lines.join('\n'));
  const built = await build({
    configFile: false,
    root,
    logLevel: 'silent',
    build: {
      write: false,
      target: 'chrome125',
      lib: { entry, formats: ['es'], fileName: 'application' },
      rolldownOptions: { output: { minify: true } },
    },
  });
  folder.remove();
  const [{ output }] = built as [Rolldown.RolldownOutput];
  return output.filter((file) => file.type === 'chunk');
}
