import { defineConfig } from 'vite';

/**
 * One module per entry point, for servers: the client is bundled, ofetch stays a dependency. CommonJS, too, because
 * many servers still are.
 */
export default defineConfig({
  root: import.meta.dirname,
  build: {
    ssr: true,
    target: 'node20',
    sourcemap: true,
    minify: false,
    outDir: 'dist',
    rolldownOptions: {
      input: {
        index: `${import.meta.dirname}/src/index.ts`,
        'helpers/generic': `${import.meta.dirname}/src/helpers/generic.ts`,
      },
      external: ['ofetch'],
      output: [
        { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'shared/[name].js' },
        { format: 'cjs', entryFileNames: 'cjs/[name].js', chunkFileNames: 'cjs/shared/[name].js' },
      ],
    },
  },
});
