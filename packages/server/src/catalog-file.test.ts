import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CATALOG_SCHEMA_URL, CatalogFileError, readCatalogFile, writeCatalogFile } from './catalog-file.ts';
import { PRICING } from './metering/testing/pricing.ts';
import { CATALOG_BYTES_MAX } from './routes/schemas.ts';

const read = (document: unknown) => readCatalogFile(JSON.stringify(document), 'catalog.json');

describe('a catalog file', () => {
  it('is read as it was written, without the reference to its schema', () => {
    const text = writeCatalogFile(PRICING);
    expect(JSON.parse(text)).toMatchObject({ $schema: CATALOG_SCHEMA_URL });
    expect(readCatalogFile(text, 'catalog.json')).toEqual(PRICING);
  });

  it('may begin with a byte order mark', () => {
    expect(readCatalogFile(`\ufeff${JSON.stringify(PRICING)}`, 'catalog.json')).toEqual(PRICING);
  });

  it('that is not JSON is told what breaks it', () => {
    expect(() => readCatalogFile('{"features": [}', 'catalog.json')).toThrow(
      /^catalog\.json is not JSON: Unexpected token '}'/,
    );
  });

  it('is told all its mistakes, each by its path', () => {
    const [product] = PRICING.products;
    const products = [{ ...product, trial: 1, prices: [{ ...product!.prices[0], interval: 'fortnight' }] }];
    expect(() => read({ ...PRICING, products })).toThrow(
      /^catalog\.json is not a catalog:\n {2}products\.0\.prices\.0\.interval: .*\n {2}products\.0: .*"trial"$/,
    );
  });

  it('is told names that lead nowhere', () => {
    expect(() => read({ ...PRICING, features: [] })).toThrow(
      /products\.0\.features\.0\.feature: there is no feature/,
    );
  });

  it.each([null, [], 1, 'text', {}])('is not %j', (document) => {
    expect(() => read(document)).toThrow(CatalogFileError);
  });

  it('has a length that the API takes', () => {
    expect(() => readCatalogFile(' '.repeat(CATALOG_BYTES_MAX + 1), 'catalog.json')).toThrow(/larger than/);
  });
});

describe('the schema of a catalog file', () => {
  const schema = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', 'catalog.schema.json'), 'utf8'),
  ) as Record<string, unknown>;

  it('is of draft 2020-12, is found where files say, and lets them say so', () => {
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: CATALOG_SCHEMA_URL,
      properties: { $schema: { type: 'string' } },
      required: ['features', 'products'],
      additionalProperties: false,
    });
  });
});
