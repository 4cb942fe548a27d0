import { LedgerOverloadedError, LedgerUnavailableError } from './ledger.ts';

/**
 * Group commit: while one commit is in flight, what arrives waits; when it returns, what waits goes into the next one,
 * up to a bound. No timer: an idle ledger commits at once, a busy one amortises its fsync. Measured through the whole
 * ledger on two idle cores, fsync in 0.12 ms, each event with a key, one hot counter, 1 → 256 callers: SQLite from
 * 3 300 to 54 000 events/s, PostgreSQL from 1 150 to 34 000, where one event a transaction stays at 4 900 (3 300 from
 * another thread) and 670. `npm run bench -- ledger` measures it again.
 *
 * Tenants share it fairly: in what is committed by deficit round robin (Shreedhar and Varghese 1995), so that each
 * that waits has an equal part of every round, however much another sends and in whatever sizes; in what may wait by a
 * dynamic threshold (Choudhury and Hahne 1998), so that there is always room for one more.
 */
export interface GroupCommit<Command, Result> {
  /**
   * Queues commands of one tenant, to be committed in order and together where the bound allows; after those that were
   * submitted before, unless a tenant may have several batches with the store.
   */
  readonly submit: (tenantId: string, commands: readonly Command[]) => Promise<readonly Result[]>;
  /** Commands that wait or are being committed. */
  readonly depth: number;
}

/** What one tenant has in a batch. */
export interface Share<Command> {
  readonly tenantId: string;
  readonly commands: readonly Command[];
}

export interface GroupCommitOptions<Command, Result> {
  /**
   * Commits all of a batch in one transaction, and gives the results of each share. A {@link LedgerUnavailableError}
   * says that the outcome is unknown; any other error, that nothing was committed.
   */
  commit: (batch: readonly Share<Command>[]) => Promise<readonly (readonly Result[])[]>;
  /** Batches that may be with the store at the same time. */
  lanesMax?: number;
  /**
   * Whether one transaction takes commands of several tenants, and the store transactions in the order it is asked to.
   * Otherwise a batch is one tenant's.
   */
  mixesTenants?: boolean;
  /** Batches of one tenant that may be with the store at the same time, where tenants are not mixed. */
  lanesOfTenantMax?: number;
  batchMax?: number;
  queueMax?: number;
  waitMsMax?: number;
  /** Told of each commit: what it came to, how long the first of its batch had waited, how long it took. */
  onCommit?: (results: readonly Result[], waitedMs: number, tookMs: number) => void;
  /** Told how many commands were turned away. */
  onShed?: (commands: number) => void;
  /** Milliseconds that only ever grow. */
  clock?: () => number;
}

/** Commands in one transaction. With 256 callers 500 was measured 1.3 times as fast as 200, which splits them unevenly. */
export const BATCH_MAX = 500;
/** What waits is divided between lanes from this size on; smaller, the second fsync costs more than it gains. */
export const SPLIT_MIN = 64;
/** Commands that may wait: about a third of a second's work on the reference machine. */
export const QUEUE_MAX = 10_000;
/**
 * How many times the room that is left one tenant may fill. Alone it has four fifths of the queue, two have four
 * ninths each, and so on: whoever comes late finds room, and what one holds too much it gives back as it is committed.
 */
const ROOMS_OF_TENANT_MAX = 4;
/** Tenants that are remembered while nothing of theirs waits. */
const TENANTS_MAX = 1_000;
/** So many replies are written before what the last ones were made of is let go of. */
const TOLD_AT_ONCE = 32;
/** How long a command may wait before it is begun: whoever sent it should hear in time to send it again. */
export const WAIT_MS_MAX = 5_000;

interface Waiting<Command, Result> {
  readonly commands: readonly Command[];
  readonly since: number;
  resolve: (results: readonly Result[]) => void;
  reject: (error: unknown) => void;
}

/** Who have batches: each tenant its own, or all of them together. */
interface Party {
  /** Batches that are with the store. */
  inFlight: number;
  /** Commands that wait for one. */
  backlog: number;
}

interface Tenant<Command, Result> {
  readonly id: string;
  readonly party: Party;
  readonly waiting: Waiting<Command, Result>[];
  /** Commands that it may have in a batch by now. */
  credit: number;
  /** Commands that wait or are being committed. */
  depth: number;
}

/** Whole submissions of one tenant that are committed together. */
interface Taken<Command, Result> {
  readonly tenant: Tenant<Command, Result>;
  readonly waiting: readonly Waiting<Command, Result>[];
}

export function groupCommit<Command, Result>(
  options: GroupCommitOptions<Command, Result>,
): GroupCommit<Command, Result> {
  const {
    commit,
    lanesMax = 1,
    mixesTenants = false,
    lanesOfTenantMax = 1,
    batchMax = BATCH_MAX,
    queueMax = QUEUE_MAX,
    waitMsMax = WAIT_MS_MAX,
    onCommit,
    onShed,
    clock = () => performance.now(),
  } = options;
  const lanesOfPartyMax = mixesTenants ? lanesMax : lanesOfTenantMax;
  const everybody: Party = { inFlight: 0, backlog: 0 };
  const tenants = new Map<string, Tenant<Command, Result>>();
  let tenantsMax = TENANTS_MAX;
  /** Tenants that wait, in turn: who had a turn and waits on goes to the back. */
  const order: Tenant<Command, Result>[] = [];
  /** Commands that wait or are being committed. */
  let depth = 0;
  let lanes = 0;

  /** Commits one batch after the other, until nothing waits that another lane does not take as well. */
  async function runLane(): Promise<void> {
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) {
      const [{ tenant }] = batch as [Taken<Command, Result>];
      const { party } = tenant;
      party.inFlight += 1;
      for (const { waiting } of batch) party.backlog -= countCommands(waiting);
      await settle(batch);
      party.inFlight -= 1;
      for (const taken of batch) count(taken.tenant, -countCommands(taken.waiting));
    }
    lanes -= 1;
  }

  /**
   * Whether a party may have another batch: then the store has it at hand while the callers of the last one hear of
   * theirs. A tenant's second is one of many commands, as few are cheaper in the batch after the first.
   */
  function mayBegin({ inFlight, backlog }: Party): boolean {
    if (inFlight === 0) return true;
    if (inFlight >= lanesOfPartyMax) return false;
    return mixesTenants || backlog >= SPLIT_MIN / lanesOfPartyMax;
  }

  /** Each tenant in turn adds its part, round after round, until the batch is full or nobody has a part to add. */
  function takeBatch(): Taken<Command, Result>[] {
    const [next] = turnsFor(1);
    if (next === undefined) return [];
    const batch = new Map<Tenant<Command, Result>, Waiting<Command, Result>[]>();
    let room = roomOfBatch(next.party);
    for (let turns = turnsFor(room); turns.length > 0; turns = turnsFor(room)) {
      const quantum = Math.floor(room / turns.length);
      const before = room;
      for (const tenant of turns) {
        dropExpired(tenant);
        // Who has credit left over was stopped by the last batch's bound, and goes on with the same turn.
        if (!hasCredit(tenant)) tenant.credit += quantum;
        const taken = takeFront(tenant, room, batch.size === 0);
        room -= countCommands(taken);
        if (taken.length > 0) batch.set(tenant, [...(batch.get(tenant) ?? []), ...taken]);
        // Its turn is not over but the batch is full: it begins the next one, or smaller ones would pass it for ever.
        if (hasCredit(tenant)) return shares(batch);
        order.splice(order.indexOf(tenant), 1);
        if (tenant.waiting.length > 0) order.push(tenant);
        else tenant.credit = 0;
      }
      if (batch.size > 0 && (room === before || !mixesTenants)) break;
    }
    return shares(batch);
  }

  /** Those who may add to a batch: no more than it has room for, as each adds something in the end. */
  function turnsFor(room: number): Tenant<Command, Result>[] {
    const turns: Tenant<Command, Result>[] = [];
    const turnsMax = mixesTenants ? room : Math.min(room, 1);
    for (const tenant of order) {
      if (turns.length >= turnsMax) break;
      if (mayBegin(tenant.party)) turns.push(tenant);
    }
    return turns;
  }

  /** The first lane of a party leaves each other one its part of what waits. */
  function roomOfBatch({ inFlight, backlog }: Party): number {
    const divided = inFlight > 0 ? 0 : backlog;
    return divided < SPLIT_MIN ? batchMax : Math.min(batchMax, Math.ceil(divided / lanesOfPartyMax));
  }

  function count(tenant: Tenant<Command, Result>, change: number): void {
    depth += change;
    tenant.depth += change;
  }

  /**
   * What is known of a tenant. It stays when nothing waits: a Map that lives long and loses what it got leaves tables
   * behind, which keep all that was in them, whole requests, until the next full collection.
   */
  function tenantOf(id: string): Tenant<Command, Result> {
    let tenant = tenants.get(id);
    if (tenant !== undefined) return tenant;
    if (tenants.size >= tenantsMax) {
      for (const idle of tenants.values()) if (idle.depth === 0) tenants.delete(idle.id);
      tenantsMax = Math.max(TENANTS_MAX, 2 * tenants.size);
    }
    const party = mixesTenants ? everybody : { inFlight: 0, backlog: 0 };
    tenants.set(id, (tenant = { id, party, waiting: [], credit: 0, depth: 0 }));
    return tenant;
  }

  /** Refuses those at the front that have waited too long; nobody behind them has waited longer. */
  function dropExpired(tenant: Tenant<Command, Result>): void {
    const { waiting, party } = tenant;
    const oldest = clock() - waitMsMax;
    const end = waiting.findIndex(({ since }) => since >= oldest);
    const expired = waiting.splice(0, end === -1 ? waiting.length : end);
    count(tenant, -countCommands(expired));
    party.backlog -= countCommands(expired);
    if (expired.length > 0) onShed?.(countCommands(expired));
    for (const { reject } of expired)
      reject(
        new LedgerOverloadedError(`The store was busy for more than ${waitMsMax} ms; send it again later`),
      );
  }

  async function settle(batch: readonly Taken<Command, Result>[]): Promise<void> {
    const begun = clock();
    let results: readonly (readonly Result[])[];
    try {
      results = await commit(
        batch.map(({ tenant, waiting }) => ({
          tenantId: tenant.id,
          commands: commandsOf(waiting),
        })),
      );
    } catch (error) {
      const parts = batch.length > 1 ? batch : batch.flatMap(bySubmission);
      if (parts.length === 1 || error instanceof LedgerUnavailableError) {
        for (const { waiting } of batch) for (const { reject } of waiting) reject(error);
        return;
      }
      // One of them is what the store cannot take: each tenant gets a commit of its own, and then each submission.
      for (const part of parts) await settle([part]);
      return;
    }
    void tell(batch, results);
    const since = Math.min(...batch.map(({ waiting: [first] }) => first?.since ?? begun));
    onCommit?.(results.flat(), begun - since, clock() - begun);
  }

  /** Tells each who waits, while the store has the next batch. */
  async function tell(
    batch: readonly Taken<Command, Result>[],
    results: readonly (readonly Result[])[],
  ): Promise<void> {
    let told = 0;
    for (const [index, { waiting }] of batch.entries()) {
      let offset = 0;
      for (const { commands, resolve } of waiting) {
        resolve((results[index] ?? []).slice(offset, (offset += commands.length)));
        told += 1;
        if (told % TOLD_AT_ONCE === 0) await nextTick();
      }
    }
  }

  return {
    get depth() {
      return depth;
    },
    submit(tenantId, commands) {
      const tenant = tenantOf(tenantId);
      const ofTenant = tenant.depth + commands.length;
      const left = queueMax - depth - commands.length;
      if (left < 0 || ofTenant > left * ROOMS_OF_TENANT_MAX) {
        onShed?.(commands.length);
        return Promise.reject(
          new LedgerOverloadedError(
            `${depth} commands are waiting, ${ofTenant} with these of this tenant; the queue holds ${queueMax}`,
          ),
        );
      }
      count(tenant, commands.length);
      tenant.party.backlog += commands.length;
      return new Promise((resolve, reject) => {
        if (tenant.waiting.length === 0) order.push(tenant);
        tenant.waiting.push({ commands, since: clock(), resolve, reject });
        if (lanes === lanesMax || !mayBegin(tenant.party)) return;
        lanes += 1;
        // Deferred by a turn of the event loop's I/O phase, so that requests read together are committed together.
        setImmediate(() => void runLane());
      });
    },
  };
}

/** Takes whole submissions within the credit and the room; of a batch the first fits always. */
function takeFront<Command, Result>(
  tenant: Tenant<Command, Result>,
  room: number,
  isFirst: boolean,
): Waiting<Command, Result>[] {
  let size = 0;
  const end = tenant.waiting.findIndex(({ commands }, index) => {
    size += commands.length;
    return size > tenant.credit || (size > room && !(isFirst && index === 0));
  });
  const taken = tenant.waiting.splice(0, end === -1 ? tenant.waiting.length : end);
  tenant.credit -= countCommands(taken);
  return taken;
}

function hasCredit<Command, Result>({ waiting: [next], credit }: Tenant<Command, Result>): boolean {
  return next !== undefined && next.commands.length <= credit;
}

function shares<Command, Result>(
  batch: ReadonlyMap<Tenant<Command, Result>, readonly Waiting<Command, Result>[]>,
): Taken<Command, Result>[] {
  return Array.from(batch, ([tenant, waiting]) => ({ tenant, waiting }));
}

function bySubmission<Command, Result>({
  tenant,
  waiting,
}: Taken<Command, Result>): Taken<Command, Result>[] {
  return waiting.map((one) => ({ tenant, waiting: [one] }));
}

/** Pushed one by one: an array that `flatMap` made takes twice as long to send to another thread. */
function commandsOf<Command>(batch: readonly { commands: readonly Command[] }[]): Command[] {
  const all: Command[] = [];
  for (const { commands } of batch) for (const command of commands) all.push(command);
  return all;
}

function countCommands(batch: readonly { commands: readonly unknown[] }[]): number {
  return batch.reduce((sum, { commands }) => sum + commands.length, 0);
}

function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
