import { writeCatalogFile } from '../catalog-file.ts';
import { apiOf } from './api.ts';
import { API_DETAILS } from './catalog-push.ts';
import { JSON_OPTION, type Command } from './command.ts';
import { STANDARD, writeText } from './files.ts';

export const catalogPull: Command = {
  name: 'catalog pull',
  summary: 'write the pricing catalog to a file, in place of what is there',
  details: `${API_DETAILS} standard output.`,
  operands: ['FILE'],
  options: JSON_OPTION,
  async run(invocation) {
    const [file = ''] = invocation.operands;
    const { url, mode, ask } = apiOf(invocation);
    const document = await ask('GET', '/v1/catalog');
    const text = writeCatalogFile(document);
    if (file === STANDARD) return { text, facts: document };
    writeText(file, text);
    return { text: `Wrote ${file} from ${url}, ${mode} mode.\n`, facts: { file, api_url: url, mode } };
  },
};
