import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startDevProcess, temporaryFolder, type ApiReply, type DevProcess } from './support/dev-server.ts';

/** What the running program promises about counting, over real HTTP and a real disk. */

let api: DevProcess;
let data: ReturnType<typeof temporaryFolder>;

beforeEach(async () => {
  data = temporaryFolder();
  api = await startDevProcess(data.path);
});

afterEach(async () => {
  await api.stop();
  data.remove();
});

describe('billingos dev', () => {
  test('records exactly 100 of 200 parallel calls against a limit of 100', async () => {
    const replies = await Promise.all(times(200, () => track({ feature_key: 'api_calls', quantity: 1 })));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(100);
    expect(replies.filter(({ status }) => status === 402)).toHaveLength(100);
    expect(sequencesOf(replies)).toEqual(times(100, (n) => n + 1));
    expect(await consumed('api_calls')).toBe('100');
  });

  test('counts one key sent 50 times in parallel once, and marks 49 replies as replayed', async () => {
    const event = { feature_key: 'api_calls', quantity: 3, idempotency_key: 'the-same' };
    const replies = await Promise.all(times(50, () => track(event)));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(49);
    expect(await consumed('api_calls')).toBe('3');
  });

  test('adds 0.1 ten times to exactly 1', async () => {
    for (const reply of await Promise.all(
      times(10, () => track({ feature_key: 'storage_gb', quantity: 0.1 })),
    )) {
      expect(reply.status).toBe(201);
    }
    expect(await consumed('storage_gb')).toBe('1');
  });

  test('refuses a second server on the same data, naming the first', async () => {
    await expect(startDevProcess(data.path)).rejects.toThrow(`in use by the server at ${api.url}`);
  });

  test('keeps its key across restarts', async () => {
    const { secretKey } = api;
    await api.stop();
    api = await startDevProcess(data.path);
    expect(api.secretKey).toBe(secretKey);
  });

  test('has every acknowledged event, none twice, after a kill -9 under load', async () => {
    const rounds = 5;
    const acknowledged: { key: string; reply: ApiReply }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const keys = times(400, (n) => `round-${round}-${n}`);
      const enough = 100;
      let killed: Promise<void> | undefined;
      await Promise.all(
        keys.map(async (key) => {
          const reply = await track({ feature_key: 'emails_sent', quantity: 1, idempotency_key: key }).catch(
            () => null,
          );
          if (reply?.status !== 201) return;
          acknowledged.push({ key, reply });
          if (acknowledged.length >= enough * (round + 1)) killed ??= api.kill();
        }),
      );
      await killed;
      api = await startDevProcess(data.path);
    }
    const before = await consumed('emails_sent');
    const replays = await Promise.all(
      acknowledged.map(({ key }) => track({ feature_key: 'emails_sent', quantity: 1, idempotency_key: key })),
    );
    expect(replays.map(({ text }) => text)).toEqual(acknowledged.map(({ reply }) => reply.text));
    expect(replays.every(({ headers }) => headers.get('idempotent-replayed') === 'true')).toBe(true);
    expect(await consumed('emails_sent')).toBe(before);
    expect(acknowledged.length).toBeGreaterThanOrEqual(100 * rounds);
  });
});

function track(event: Record<string, unknown>): Promise<ApiReply> {
  return api.post('/v1/usage/track', { customer_id: api.customerId, ...event });
}

/** The exact text of the number, as it stands in the reply. */
async function consumed(feature: string): Promise<string | undefined> {
  const { text } = await api.get(`/v1/usage/metrics?customer_id=${api.customerId}&feature_key=${feature}`);
  return /"consumed":([\d.]+)/.exec(text)?.[1];
}

function sequencesOf(replies: readonly ApiReply[]): unknown[] {
  return replies
    .filter(({ status }) => status === 201)
    .map(({ body }) => Number(body['sequence']))
    .sort((a, b) => a - b);
}

function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}
