import { compileCatalog, EMPTY_CATALOG, type Catalog, type CatalogDocument } from '../../metering/catalog.ts';
import { number, text } from '../rows.ts';
import type { Queryable, Transaction } from './database.ts';

/** Catalogs as compiled for metering, kept by revision: a revision never changes what it says. */
export interface Catalogs {
  /** The catalog at a revision that the caller has just read, or the one that has replaced it since. */
  at(database: Queryable, tenantId: string, revision: number): Promise<Catalog>;
  /** The present catalog, which cannot change before the transaction ends. */
  hold(transaction: Transaction, tenantId: string): Promise<Catalog>;
}

/** Compiled catalogs kept, one a tenant; the oldest goes first. */
const CATALOGS_MAX = 1_000;

export function catalogCache(): Catalogs {
  const known = new Map<string, Catalog>();

  function keep(tenantId: string, catalog: Catalog): void {
    known.delete(tenantId);
    known.set(tenantId, catalog);
    const [oldest] = known.keys();
    if (known.size > CATALOGS_MAX && oldest !== undefined) known.delete(oldest);
  }

  async function at(database: Queryable, tenantId: string, revision: number): Promise<Catalog> {
    if (revision === EMPTY_CATALOG.revision) return EMPTY_CATALOG;
    const cached = known.get(tenantId);
    if (cached?.revision === revision) return cached;
    const read = await readCatalog(database, tenantId);
    const catalog = compileCatalog(read.document, read.revision);
    keep(tenantId, catalog);
    return catalog;
  }

  return {
    at,
    async hold(transaction, tenantId) {
      const [row] = await transaction.query(HOLD, tenantId);
      return row === undefined ? EMPTY_CATALOG : at(transaction, tenantId, number(row, 'revision'));
    },
  };
}

/** A tenant's catalog as it was written; empty at revision 0 before the first one. */
export async function readCatalog(
  database: Queryable,
  tenantId: string,
): Promise<{ document: CatalogDocument; revision: number }> {
  const [row] = await database.query(SELECT, tenantId);
  if (row === undefined) return { document: { features: [], products: [] }, revision: 0 };
  return {
    document: JSON.parse(text(row, 'document')) as CatalogDocument,
    revision: number(row, 'revision'),
  };
}

const SELECT = {
  name: 'catalog',
  text: 'select revision, document from catalog where tenant_id = $1',
};
const HOLD = {
  name: 'catalog_hold',
  text: 'select revision from catalog where tenant_id = $1 for share',
};
