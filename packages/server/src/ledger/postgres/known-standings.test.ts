import { expect, it, vi } from 'vitest';
import { compileCatalog } from '../../metering/catalog.ts';
import { CATALOG, customerOn, PRICING } from '../../metering/testing/pricing.ts';
import type { Standings } from './customers.ts';
import { knownStandings, type KnownStandings } from './known-standings.ts';

/** A store in which every customer exists, and what it was asked for. */
function openStore(knownMax?: number) {
  const known = knownStandings(knownMax);
  const asked: (readonly string[])[] = [];
  const store = { catalog: CATALOG };
  const read = (externalIds: readonly string[]): Promise<Standings> => {
    asked.push(externalIds);
    const customers = new Map(externalIds.map((id) => [id, customerOn('price_free', { externalId: id })]));
    return Promise.resolve({ catalog: store.catalog, customers });
  };
  const recall = (externalIds: readonly string[], tenantId = 't'): ReturnType<KnownStandings['recall']> =>
    known.recall(tenantId, externalIds, read);
  return { known, asked, store, recall };
}

it('asks for nobody it knows', async () => {
  const { asked, recall } = openStore();
  const read = await recall(['a', 'b']);
  expect(await recall(['a', 'b'])).toEqual(read);
  expect(asked).toEqual([['a', 'b']]);
});

it('has those asked for alone, known or read', async () => {
  const { asked, recall } = openStore();
  await recall(['a', 'b']);
  const { customers } = await recall(['b', 'c']);
  expect([...customers.keys()]).toEqual(['b', 'c']);
  expect(asked).toEqual([['a', 'b'], ['c']]);
});

it('asks again for whom there is not', async () => {
  const known = knownStandings();
  const read = vi.fn(() => Promise.resolve({ catalog: CATALOG, customers: new Map() }));
  await known.recall('t', ['nobody'], read);
  expect(await known.recall('t', ['nobody'], read)).toEqual({ catalog: CATALOG, customers: new Map() });
  expect(read).toHaveBeenCalledTimes(2);
});

it('knows of each tenant its own', async () => {
  const { asked, recall } = openStore();
  await recall(['a'], 't');
  await recall(['a'], 'u');
  expect(asked).toEqual([['a'], ['a']]);
});

it('reads everybody anew once they are forgotten', async () => {
  const { known, asked, recall } = openStore();
  await recall(['a']);
  known.forget('t');
  await recall(['a']);
  expect(asked).toEqual([['a'], ['a']]);
});

it('does not mix customers of one catalog with those of the next', async () => {
  const { asked, store, recall } = openStore();
  await recall(['a']);
  store.catalog = compileCatalog(PRICING, CATALOG.revision + 2);
  expect((await recall(['a', 'b'])).catalog).toBe(store.catalog);
  expect(asked).toEqual([['a'], ['b'], ['a', 'b']]);
});

it('forgets all when it knows too much', async () => {
  const { asked, recall } = openStore(2);
  await recall(['a', 'b']);
  await recall(['c'], 'u');
  await recall(['a'], 't');
  expect(asked).toEqual([['a', 'b'], ['c'], ['a']]);
});
