import type { Catalog } from '../catalog.ts';
import {
  decide,
  idempotencyId,
  resolve,
  type TrackCommand,
  type UsageEvent,
  type Verdict,
} from '../decide.ts';
import type { Customer } from '../subscription.ts';
import type { Counter } from '../usage.ts';

/** The least that a ledger can be: it hands `decide` all that it has, and keeps what comes back. */
export class MemoryLedger {
  readonly counters = new Map<string, Counter>();
  readonly events: UsageEvent[] = [];
  readonly #recorded = new Map<string, UsageEvent>();

  track(
    commands: readonly TrackCommand[],
    { customer, catalog, now }: { customer: Customer | null; catalog: Catalog; now: number },
  ): readonly Verdict[] {
    const batch = commands.map((command) => resolve(command, customer, catalog, now));
    const state = { counters: this.counters, recorded: this.#recorded };
    const decision = decide(batch, state, now, (prefix) => `${prefix}_${this.events.length}`);
    for (const [id, counter] of decision.counters) this.counters.set(id, counter);
    for (const event of decision.events) {
      this.events.push(event);
      if (event.idempotencyKey === null) continue;
      this.#recorded.set(idempotencyId(event.customerId, event.origin, event.idempotencyKey), event);
    }
    return decision.verdicts;
  }
}
