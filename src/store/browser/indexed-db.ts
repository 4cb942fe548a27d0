import type { EventStorage, KeptEvent } from '../event-storage.ts';

const DATABASE = 'billingos';
const VERSION = 1;
const EVENTS = 'events';
const BY_CUSTOMER = 'customer';

/**
 * Events on disk, in one database of the origin's. Their ids grow across all tabs.
 *
 * @throws where pages may not store anything
 */
export async function openIndexedDb(): Promise<EventStorage> {
  let connection: Promise<IDBDatabase> | undefined;

  function connect(): Promise<IDBDatabase> {
    const opening = open(lose);
    connection = opening;
    opening.catch(lose);
    return opening;

    // Not for good: when site data are cleared the next use finds an empty database. When another tab has a newer
    // version of this code it finds none that it may open, and events stay in memory.
    function lose(): void {
      if (connection === opening) connection = undefined;
    }
  }

  async function run<T>(mode: IDBTransactionMode, task: (store: IDBObjectStore) => Result<T>): Promise<T> {
    const database = await (connection ?? connect());
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(EVENTS, mode);
      const result = task(transaction.objectStore(EVENTS));
      transaction.oncomplete = () => resolve(result());
      transaction.onabort = () => reject(transaction.error ?? new Error('The transaction was aborted.'));
    });
  }

  /** Deletes the oldest events beyond as many. */
  const dropOldest = (countMax: number): Promise<KeptEvent[]> =>
    run('readwrite', (store) => {
      let dropped: KeptEvent[] = [];
      const count = store.count();
      count.onsuccess = () => {
        const excess = count.result - countMax;
        if (excess > 0) dropped = takeOldest(store, excess);
      };
      return () => dropped;
    });

  await connect();
  return {
    async add(event, countMax) {
      const id = await run('readwrite', (store) => {
        const added = store.add(event);
        // Said at once, because a browser completes what is committed though the page has gone, and drops the rest:
        // of 240 events tracked in the very task that closed the window Chromium kept 240, without this 14.
        store.transaction.commit();
        return () => Number(added.result);
      });
      // It is kept whatever becomes of this; what is too many then goes with the next.
      return { id, dropped: await dropOldest(countMax).catch(() => []) };
    },
    oldest: (customer, countMax) =>
      run('readonly', (store) => {
        const found = store.index(BY_CUSTOMER).getAll(customer, countMax);
        return () => found.result as KeptEvent[];
      }),
    remove: (id) =>
      run('readwrite', (store) => {
        store.delete(id);
        return () => undefined;
      }),
    close: () => void connection?.then((database) => database.close()),
  };
}

/** What a transaction has come to, asked for once it is complete. */
type Result<T> = () => T;

/** Deletes as many events from the front. The list fills while the transaction runs. */
function takeOldest(store: IDBObjectStore, count: number): KeptEvent[] {
  const taken: KeptEvent[] = [];
  const found = store.getAll(undefined, count);
  found.onsuccess = () => {
    for (const event of found.result as KeptEvent[]) {
      taken.push(event);
      store.delete(event.id);
    }
  };
  return taken;
}

/** Opens the database. `onClosed` is called once it is closed by others, who may want to upgrade or to clear it. */
function open(onClosed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore(EVENTS, { keyPath: 'id', autoIncrement: true });
      store.createIndex(BY_CUSTOMER, 'customer');
    };
    request.onsuccess = () => {
      const { result: database } = request;
      database.onclose = onClosed;
      database.onversionchange = () => {
        database.close();
        onClosed();
      };
      resolve(database);
    };
    // Not for `blocked`: it opens as soon as the tab closes that keeps an older version open.
    request.onerror = () => reject(request.error ?? new Error('The database could not be opened.'));
  });
}
