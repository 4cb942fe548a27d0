import { IncomingMessage } from 'node:http';
import { BlockList, Socket } from 'node:net';
import type { TransportReply, TransportRequest } from '../../../../src/client/transport.ts';
import type { Clock } from '../../../../src/client/clock.ts';
import { createApp, type App } from '../../../../packages/server/src/app.ts';
import { generateSecretKey, hashSecretKey } from '../../../../packages/server/src/auth/secret-keys.ts';
import { generateSigningKey, sessionTokens } from '../../../../packages/server/src/auth/session-tokens.ts';
import { OPERATOR, signed, type SignedCommand } from '../../../../packages/server/src/ledger/audit-trail.ts';
import {
  groupCommit,
  type GroupCommit,
  type Share,
} from '../../../../packages/server/src/ledger/group-commit.ts';
import {
  LedgerOverloadedError,
  LedgerUnavailableError,
  type Ledger,
  type TenantLedger,
} from '../../../../packages/server/src/ledger/ledger.ts';
import {
  migrate,
  openSqlite,
  StoreFailedError,
  type Sqlite,
} from '../../../../packages/server/src/ledger/sqlite/database.ts';
import { text } from '../../../../packages/server/src/ledger/rows.ts';
import { WRITER_LANES } from '../../../../packages/server/src/ledger/sqlite/sqlite-ledger.ts';
import { sqliteStore, type SqliteStore } from '../../../../packages/server/src/ledger/sqlite/store.ts';
import type { CatalogDocument } from '../../../../packages/server/src/metering/catalog.ts';
import type { TrackCommand, Verdict } from '../../../../packages/server/src/metering/decide.ts';

/** Small, so that a simulation of a few events fills the queue and splits into batches. */
const BATCH_MAX = 6;
const QUEUE_MAX = 20;

/** How the store treats the next transaction. */
export type StoreFate =
  'fine' | 'refused' | 'rolled back' | 'committed without saying so' | 'statement failed';

export interface StoreWeather {
  fate(): StoreFate;
  /** How long the next transaction takes, in milliseconds. */
  delayMs(): number;
}

/** One for all simulations, which run one after the other: what the driver keeps of a closed one it does not give back. */
const database = openSqlite(':memory:');
migrate(database);
/** Those that refer to others first. */
const TABLES = database
  .all("select name from sqlite_master where type = 'table' order by rowid desc")
  .map((row) => text(row, 'name'));

/** What dies with a process of the API. */
interface Process {
  readonly store: SqliteStore;
  readonly commits: GroupCommit<SignedCommand, Verdict>;
}

/** The API's process on its store: all of it but the sockets, the thread and the disk is the real one. */
export class SimServer {
  readonly sqlite = database;
  /** A tenant's secret key by its name. */
  readonly secretKeys: ReadonlyMap<string, string>;
  /** What must never happen, and did. */
  readonly complaints: string[] = [];
  readonly #clock: Clock;
  readonly #weather: StoreWeather;
  /** Grows when the process dies: what an earlier one had begun comes to nothing. */
  #incarnation = 0;
  readonly #app: App;
  #process: Process;
  readonly #executed = new Set<TrackCommand>();
  /** How many commands each was sent with, itself included. */
  readonly #together = new WeakMap<SignedCommand, number>();

  constructor(clock: Clock, weather: StoreWeather, tenants: readonly string[], catalog: CatalogDocument) {
    this.#clock = clock;
    this.#weather = weather;
    for (const table of TABLES) this.sqlite.run(`delete from ${table}`);
    const store = sqliteStore(this.sqlite);
    this.secretKeys = new Map(
      tenants.map((name) => {
        const tenantId = store.ensureTenant(name, 'test', clock.now());
        const secretKey = generateSecretKey('test');
        store.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name }, clock.now());
        store.putCatalog(tenantId, catalog, OPERATOR, clock.now());
        return [name, secretKey];
      }),
    );
    this.#process = this.#start();
    this.#app = this.#newApp();
  }

  /** Commands that wait or are being committed. */
  get depth(): number {
    return this.#process.commits.depth;
  }

  /** Answers as the process that is there now; never, if that dies before it has answered. */
  async answer({ url, method, headers, body }: TransportRequest): Promise<TransportReply> {
    const incarnation = this.#incarnation;
    const request = new Request(url, { method, headers, ...(body !== undefined && { body }) });
    const incoming = new IncomingMessage(new Socket());
    if (body !== undefined) incoming.push(body);
    incoming.push(null);
    const response = await this.#app.hono.fetch(request, { incoming });
    const json: unknown = JSON.parse(await response.text());
    if (incarnation !== this.#incarnation) await never();
    return { status: response.status, headers: response.headers, json, stream: undefined };
  }

  /** The process dies, and another one opens the store. */
  crash(): void {
    this.#incarnation += 1;
    this.#process = this.#start();
  }

  /** In whole milliseconds, as a system's clock has it. */
  readonly #now = () => Math.floor(this.#clock.now());

  /** One for all incarnations: it keeps nothing that a process could lose, and takes long to make. */
  #newApp(): App {
    const now = this.#now;
    const tokens = sessionTokens([generateSigningKey()], { issuer: () => 'https://api.test', clock: now });
    const limits = { requestsPerSecond: 0, trustedProxies: new BlockList() };
    return createApp({
      ledger: this.#ledger(),
      tokens,
      clock: now,
      limits,
      onError: (error) => {
        const isSimulated = error instanceof LedgerUnavailableError || error instanceof SimulatedError;
        if (!isSimulated) this.complaints.push(String(error));
      },
    });
  }

  /** The batcher and the store of the embedded ledger, its thread replaced by the weather. */
  #start(): Process {
    const incarnation = this.#incarnation;
    const store = sqliteStore(this.#faulty(this.sqlite));
    let freeAt = this.#clock.now();
    const commits = groupCommit<SignedCommand, Verdict>({
      ...WRITER_LANES,
      batchMax: BATCH_MAX,
      queueMax: QUEUE_MAX,
      clock: () => this.#clock.now(),
      commit: async (batch) => {
        // One transaction after the other, in the order they were asked for.
        freeAt = Math.max(freeAt, this.#clock.now()) + this.#weather.delayMs();
        await new Promise<void>((resolve) => this.#clock.schedule(resolve, freeAt - this.#clock.now()));
        if (incarnation !== this.#incarnation) return never();
        return this.#commit(store, batch);
      },
    });
    return { store, commits };
  }

  /** The embedded ledger as far as tracking goes. */
  #ledger(): Ledger {
    const track = async (tenantId: string, commands: readonly SignedCommand[]) => {
      for (const command of commands) this.#together.set(command, commands.length);
      const submitted = this.#process.commits.submit(tenantId, commands);
      if (this.depth > QUEUE_MAX) this.complaints.push(`${this.depth} commands wait`);
      try {
        return await submitted;
      } catch (error) {
        if (error instanceof LedgerOverloadedError && commands.some((one) => this.#executed.has(one)))
          this.complaints.push('a command was executed, and its caller told that it was not');
        throw error;
      }
    };
    const parts: Partial<Ledger> = {
      findSecretKey: (hash) => Promise.resolve(this.#process.store.findSecretKey(hash)),
      onChange: () => () => undefined,
      tenant: (tenantId, author = OPERATOR) => {
        const tenant: Partial<TenantLedger> = {
          track: (commands) => track(tenantId, signed(commands, author)),
        };
        return tenant as TenantLedger;
      },
    };
    return parts as Ledger;
  }

  #commit(store: SqliteStore, shares: readonly Share<SignedCommand>[]): readonly (readonly Verdict[])[] {
    const batch = shares.flatMap(({ commands }) => commands);
    // What is sent together is committed together, however much it is.
    const [first] = batch;
    const together = (first && this.#together.get(first)) ?? 0;
    if (batch.length > Math.max(BATCH_MAX, together))
      this.complaints.push(`${batch.length} commands in a batch`);
    for (const command of batch) this.#executed.add(command);
    try {
      return store.track(shares, this.#now());
    } catch (error) {
      if (error instanceof StoreFailedError)
        throw new LedgerUnavailableError(error.message, { cause: error });
      throw error;
    }
  }

  #faulty(sqlite: Sqlite): Sqlite {
    return {
      ...sqlite,
      write: (work) => {
        const fate = this.#weather.fate();
        if (fate === 'refused') throw new StoreFailedError('locked');
        const result = sqlite.write(() => {
          const done = work();
          if (fate === 'rolled back') throw new StoreFailedError('full');
          if (fate === 'statement failed') throw new SimulatedError('a statement failed');
          return done;
        });
        if (fate === 'committed without saying so') throw new StoreFailedError('the answer is lost');
        return result;
      },
    };
  }
}

class SimulatedError extends Error {}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
