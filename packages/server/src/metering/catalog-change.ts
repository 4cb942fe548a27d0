import { compileCatalog, type CatalogDocument, type Price } from './catalog.ts';

/**
 * What a new catalog takes away or redefines, by name, in catalog order: a ledger must keep what is counted and
 * what is subscribed to. Compared with every default filled in: writing one out changes nothing.
 */
export function takenAway(
  present: CatalogDocument,
  next: CatalogDocument,
): { features: string[]; prices: string[] } {
  const before = compileCatalog(present, 0);
  const after = compileCatalog(next, 0);
  const features = [...before.features.values()].filter(({ key, type, decimals }) => {
    const kept = after.features.get(key);
    return kept?.type !== type || kept.decimals !== decimals;
  });
  const prices = [...before.priceOwners.values()].filter(({ product, price }) => {
    const kept = after.priceOwners.get(price.id);
    return kept?.product.id !== product.id || !costsTheSame(kept.price, price);
  });
  return { features: features.map(({ key }) => key), prices: prices.map(({ price }) => price.id) };
}

function costsTheSame(a: Price, b: Price): boolean {
  return (
    a.amount === b.amount &&
    a.currency === b.currency &&
    a.interval === b.interval &&
    a.intervalCount === b.intervalCount
  );
}
