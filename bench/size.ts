import { parseArgs } from 'node:util';
import {
  englishFiles,
  localeFiles,
  scriptsBeforeNumbers,
  sizeOf,
  sizesOf,
} from '../test/support/drop-in-sizes.ts';
import { Site } from '../test/support/site.ts';
import { printFigures, writeFigures, type Figure } from './figures.ts';
import { machine, printFacts, spreadOf } from './report.ts';

/** What the script-tag drop-in sends to a page: bodies, compressed by brotli. The bounds that hold are tests. */

const HELP = `Measures the drop-in's size: npm run bench -- size [options]

  --quick      the same: there is nothing to repeat
  --help       this text`;

const { values: options } = parseArgs({
  options: { help: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});

/** Ten segments of 1 460 bytes, less the reply's headers. */
const TCP_WINDOW_BYTES = 14_000;

async function main(): Promise<void> {
  const configuration = { ...machine(), compression: 'brotli 11', tcpWindowBytes: TCP_WINDOW_BYTES };
  printFacts(configuration);
  const site = await Site.start();
  const first = sizesOf(await scriptsBeforeNumbers(site).finally(() => site.stop()));
  const locales = localeFiles.map(sizeOf);
  const iife = sizeOf('billingos.iife.js');
  const figures: Figure[] = [
    {
      name: 'Script before the first usage',
      reference: 'an initial TCP window',
      unit: '×',
      atMost: 1,
      value: spreadOf([first / TCP_WINDOW_BYTES]),
    },
    {
      name: 'All scripts, English',
      reference: '–',
      unit: 'kB',
      atMost: 24,
      value: spreadOf([sizesOf(englishFiles) / 1_000]),
    },
    {
      name: 'The largest further locale',
      reference: '–',
      unit: 'kB',
      atMost: 0.9,
      value: spreadOf([Math.max(...locales) / 1_000]),
    },
    { name: 'The same in one file (IIFE)', reference: '–', unit: 'kB', value: spreadOf([iife / 1_000]) },
  ];
  printFigures(figures);
  writeFigures('size', { configuration, figures, measured: { first, locales, iife } });
}

if (options.help) console.log(HELP);
else await main();
