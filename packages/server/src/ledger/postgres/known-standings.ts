import type { Catalog } from '../../metering/catalog.ts';
import type { Customer } from '../../metering/subscription.ts';
import type { Standings } from './customers.ts';

/**
 * Who was last seen on which plan, and the catalog. It may be outdated at any time, and another process may have made it
 * so: whoever uses it holds it against the revisions in the statement that reads or locks counters, and lets it be
 * forgotten where those have moved. So a batch and a check need one round trip less, which is half of what a check takes.
 */
export interface KnownStandings {
  /** Standings of customers; `read` is asked for those that are not known, and for the catalog with them. */
  recall(
    tenantId: string,
    externalIds: readonly string[],
    read: (unknown: readonly string[]) => Promise<Standings>,
  ): Promise<Standings>;
  forget(tenantId: string): void;
}

/** Customers remembered before all are forgotten: about 20 MB. */
const KNOWN_MAX = 20_000;

export function knownStandings(knownMax = KNOWN_MAX): KnownStandings {
  const tenants = new Map<string, { catalog: Catalog; customers: Map<string, Customer> }>();
  let size = 0;

  function remember(tenantId: string, { catalog, customers }: Standings): void {
    if (size + customers.size > knownMax) {
      tenants.clear();
      size = 0;
    }
    if (tenants.get(tenantId)?.catalog.revision !== catalog.revision) forget(tenantId);
    const known = tenants.get(tenantId) ?? { catalog, customers: new Map<string, Customer>() };
    tenants.set(tenantId, known);
    size -= known.customers.size;
    for (const [externalId, customer] of customers) known.customers.set(externalId, customer);
    size += known.customers.size;
  }

  function forget(tenantId: string): void {
    size -= tenants.get(tenantId)?.customers.size ?? 0;
    tenants.delete(tenantId);
  }

  return {
    async recall(tenantId, externalIds, read) {
      const { catalog, customers } = tenants.get(tenantId) ?? {};
      const found = new Map<string, Customer>();
      const unknown: string[] = [];
      for (const externalId of externalIds) {
        const customer = customers?.get(externalId);
        if (customer === undefined) unknown.push(externalId);
        else found.set(externalId, customer);
      }
      if (catalog !== undefined && unknown.length === 0) return { catalog, customers: found };
      const fresh = await read(unknown);
      remember(tenantId, fresh);
      // Those known go with another catalog: everything as of one instant, then.
      if (found.size > 0 && catalog?.revision !== fresh.catalog.revision) return read(externalIds);
      return { catalog: fresh.catalog, customers: new Map([...found, ...fresh.customers]) };
    },
    forget,
  };
}
