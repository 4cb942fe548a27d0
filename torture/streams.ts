import { setTimeout as pause } from 'node:timers/promises';
import type { History } from '../packages/server/src/selftest/history.ts';
import { readStream } from '../packages/server/src/testing/read-stream.ts';
import type { Scene } from './fault.ts';

/** A reader of one customer's live usage, who comes back whenever the line breaks. */
export interface Watcher {
  /** Waits for the last total, and holds all that was told to what was counted. */
  judge(scene: Scene, history: History): Promise<void>;
}

/** One telling of a total. */
interface Row {
  readonly connection: number;
  readonly periodStart: string;
  readonly sequence: number;
  readonly consumed: number;
}

const RECONNECT_MS = 50;
const ASKED_EVERY_MS = 5;
/** How long after the last event its total may take to be told. */
const LATE_MS_MAX = 2_000;

export function watch(nextUrl: () => string, secretKey: string, customer: string, feature: string): Watcher {
  const rows: Row[] = [];
  const ended = new AbortController();
  const headers = { Authorization: `Bearer ${secretKey}` };
  const path = `/v1/usage/stream?customer_id=${customer}`;

  async function connect(connection: number): Promise<void> {
    const { ok, body } = await fetch(nextUrl() + path, { headers, signal: ended.signal });
    if (!ok) return;
    const reader = readStream(body);
    for (let told = await reader.next(); told !== null; told = await reader.next()) {
      const { metrics = [told.data] } = told.data as unknown as { metrics?: unknown[] };
      for (const { feature_key, period_start, sequence, consumed } of metrics as MetricRow[]) {
        if (feature_key === feature) rows.push({ connection, periodStart: period_start, sequence, consumed });
      }
    }
  }

  const reading = (async () => {
    for (let connection = 1; !ended.signal.aborted; connection += 1) {
      await connect(connection).catch(() => undefined);
      await pause(RECONNECT_MS);
    }
  })();

  return {
    async judge(scene, history) {
      const total = history.totals.find((one) => one.customer === customer);
      const isTold = () => rows.some((row) => row.sequence === (total?.sequence ?? 0));
      const since = performance.now();
      const deadline = since + LATE_MS_MAX;
      while (!isTold() && performance.now() < deadline) await pause(ASKED_EVERY_MS);
      scene.measure('streams at the last total', performance.now() - since);
      const late = isTold() ? [] : [`${customer}: the stream never came to ${total?.sequence}`];
      ended.abort();
      await reading;
      scene.expect('streams', [...late, ...wrongRows(rows, customer, history)], rows.length);
    },
  };
}

interface MetricRow {
  readonly feature_key: string;
  readonly period_start: string;
  readonly sequence: number;
  readonly consumed: number;
}

function wrongRows(rows: readonly Row[], customer: string, { attempts, lookups }: History): string[] {
  const counted = new Map<string, number>();
  for (const { draft } of attempts) {
    const event = draft.customer === customer ? lookups.get(draft.key) : undefined;
    if (event != null) counted.set(`${event.periodStart} ${event.sequence}`, event.consumed);
  }
  return rows.flatMap(({ connection, periodStart, sequence, consumed }, index) => {
    const expected = sequence === 0 ? 0 : counted.get(`${periodStart} ${sequence}`);
    if (consumed !== expected)
      return [`${customer}: a stream told ${consumed} at ${sequence}, where it was ${expected}`];
    const before = rows[index - 1];
    const isBack =
      before?.connection === connection && before.periodStart === periodStart && before.sequence > sequence;
    return isBack ? [`${customer}: a stream told ${sequence} after ${before.sequence}`] : [];
  });
}
