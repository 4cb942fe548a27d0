import { z } from '@hono/zod-openapi';
import { catalogIssues, type CatalogDocument } from './metering/catalog.ts';
import { ISSUES_MAX, type Issue } from './problems.ts';
import { CATALOG_BYTES_MAX, CatalogBody } from './routes/schemas.ts';

/**
 * The catalog as a file of a merchant's repository: what `PUT /v1/catalog` takes, and `$schema`, by which editors
 * complete and check it.
 */

export const CATALOG_SCHEMA_URL = 'https://unpkg.com/@billingos/server/catalog.schema.json';

const CatalogFile = CatalogBody.extend({ $schema: z.string().max(2_000).optional() });

/** A file that is no catalog. The message names each place and its mistake. */
export class CatalogFileError extends Error {
  override readonly name = 'CatalogFileError';
}

/** The JSON Schema, draft 2020-12, of a catalog file. */
export function catalogFileSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(CatalogFile, { io: 'input', target: 'draft-2020-12' });
  return { $schema, $id: CATALOG_SCHEMA_URL, title: 'BillingOS pricing catalog', ...schema };
}

/**
 * The catalog in a file's text.
 * @param name what to call the file in errors.
 * @throws CatalogFileError
 */
export function readCatalogFile(text: string, name: string): CatalogDocument {
  if (Buffer.byteLength(text) > CATALOG_BYTES_MAX) {
    throw new CatalogFileError(
      `${name} is larger than the ${CATALOG_BYTES_MAX} bytes that a catalog may have.`,
    );
  }
  const result = CatalogFile.safeParse(readJson(text, name));
  if (!result.success) throw new CatalogFileError(explain(name, result.error.issues.map(toIssue)));
  const { features, products } = result.data;
  const document = { features, products };
  const issues = catalogIssues(document);
  if (issues.length > 0) throw new CatalogFileError(explain(name, issues));
  return document;
}

/** The text of a catalog's file, with whatever a newer API may have added to it. */
export function writeCatalogFile(document: object): string {
  return `${JSON.stringify({ $schema: CATALOG_SCHEMA_URL, ...document }, null, 2)}\n`;
}

function readJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new CatalogFileError(
      `${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function toIssue({ path, message }: z.core.$ZodIssue): Issue {
  return { path: path.map(String).join('.'), message };
}

function explain(name: string, issues: readonly Issue[]): string {
  const lines = issues
    .slice(0, ISSUES_MAX)
    .map(({ path, message }) => `  ${path === '' ? name : path}: ${message}`);
  const more = issues.length - lines.length;
  return [`${name} is not a catalog:`, ...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
}
