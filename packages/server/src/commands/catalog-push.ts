import { readCatalogFile } from '../catalog-file.ts';
import { CATALOG_BYTES_MAX } from '../routes/schemas.ts';
import { apiOf } from './api.ts';
import { JSON_OPTION, type Command } from './command.ts';
import { readText, STANDARD } from './files.ts';

/** What both catalog commands say of the API that they speak with. */
export const API_DETAILS =
  'BILLINGOS_API_URL names the API and BILLINGOS_SECRET_KEY the tenant; FILE may be "-" for';

export const catalogPush: Command = {
  name: 'catalog push',
  summary: 'replace the pricing catalog by a file: all of it, or nothing',
  details: `${API_DETAILS} standard input. The file is checked first.`,
  operands: ['FILE'],
  options: JSON_OPTION,
  async run(invocation) {
    const [file = ''] = invocation.operands;
    const api = apiOf(invocation);
    const name = file === STANDARD ? 'Standard input' : file;
    const document = readCatalogFile(await readText(file, CATALOG_BYTES_MAX), name);
    await api.ask('PUT', '/v1/catalog', document);
    const { url, mode } = api;
    const [features, products] = [document.features.length, document.products.length];
    return {
      text: `Pushed ${features} features and ${products} products to ${url}, ${mode} mode.\n`,
      facts: { features, products, api_url: url, mode },
    };
  },
};
