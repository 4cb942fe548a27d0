import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { billingos, type ServeProcess } from './support/program.ts';
import { facts, useServers } from './support/servers.ts';
import { pricedStore, track } from './support/priced-store.ts';

/** What an operator sees of a running server: metrics, its log, how it leaves, and how it fails. */

const { data, serve: start } = useServers();

/** A server on a store with one tenant, whose catalog allows 1 000 `api_calls`. */
async function serve(env: Record<string, string> = {}) {
  const { secretKey } = await pricedStore({ BILLINGOS_DATA: data.path });
  const server = await start(['--data', data.path], env);
  return { server, secretKey };
}

const scrape = async ({ adminUrl }: ServeProcess) => (await fetch(`${adminUrl}/metrics`)).text();

/** The log as a machine reads it. */
const logOf = (stderr: string) =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('metrics', () => {
  test('count replies, commands and their outcomes, batches and streams', async () => {
    const { server, secretKey } = await serve({ BILLINGOS_ADMIN_PORT: '0' });
    const key = randomBytes(8).toString('hex');
    for (const [quantity, status] of [
      [1, 201],
      [1, 201],
      [5_000, 402],
    ] as const) {
      const idempotencyKey = quantity === 1 ? key : undefined;
      expect((await track(server.url, secretKey, { quantity, idempotencyKey })).status).toBe(status);
    }
    const stream = await fetch(`${server.url}/v1/usage/stream?customer_id=u`, {
      headers: { Authorization: `Bearer ${secretKey}` },
    });
    const reader = stream.body!.getReader();
    await reader.read();
    await track(server.url, secretKey, { quantity: 1 });
    while (!new TextDecoder().decode((await reader.read()).value).includes('event: usage'));
    const text = await scrape(server);
    for (const line of [
      /billingos_http_request_duration_seconds_count\{route="\/v1\/usage\/track",method="POST",status="201"\} 3/,
      /billingos_http_request_duration_seconds_count\{route="\/v1\/usage\/track",method="POST",status="402"\} 1/,
      /billingos_usage_commands_total\{outcome="recorded"\} 2/,
      /billingos_usage_commands_total\{outcome="duplicate"\} 1/,
      /billingos_usage_commands_total\{outcome="quota_exceeded"\} 1/,
      /billingos_usage_commands_shed_total 0/,
      /billingos_batch_commands_count 4/,
      /billingos_batch_wait_seconds_count 4/,
      /billingos_batch_commit_seconds_count 4/,
      /billingos_streams_open 1/,
      /billingos_stream_push_lag_seconds_count [1-9]/,
      /billingos_queue_depth 0/,
      /billingos_store_up 1/,
      /billingos_store_bytes [1-9]\d+/,
      /nodejs_eventloop_lag_seconds/,
      /process_resident_memory_bytes/,
    ])
      expect(text).toMatch(line);
    await reader.cancel();
  });

  test('have no label that a caller can choose', async () => {
    const { server } = await serve({ BILLINGOS_ADMIN_PORT: '0' });
    const paths = ['/customers/cus_chosen', '/chosen', '/v1/chosen?a=chosen', '/billingos-chosen.js'];
    for (const path of paths) await fetch(server.url + path);
    const text = await scrape(server);
    expect(text).toMatch(/route="\/customers\/:id"/);
    expect(text).not.toContain('chosen');
  });

  test('and probes are on the admin port alone, and nothing else is there', async () => {
    const { server } = await serve({ BILLINGOS_ADMIN_PORT: '0' });
    const statusOf = async (url: string) => (await fetch(url)).status;
    expect(await statusOf(`${server.url}/metrics`)).toBe(404);
    expect(await statusOf(`${server.adminUrl}/healthz`)).toBe(200);
    expect(await statusOf(`${server.adminUrl}/readyz`)).toBe(200);
    expect(await statusOf(`${server.adminUrl}/v1/catalog`)).toBe(404);
  });

  test('are nowhere without BILLINGOS_ADMIN_PORT', async () => {
    const { server } = await serve();
    expect(server.adminUrl).toBe('');
  });

  test('need a port that is free, or the server does not start', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const ended = await billingos(['serve', '--port', '0', '--data', data.path], {
      BILLINGOS_ADMIN_PORT: String(port),
    });
    taken.close();
    expect([ended.code, ended.stderr]).toEqual([
      1,
      expect.stringContaining(`Port ${port} of 127.0.0.1 is taken`),
    ]);
  });
});

describe('the log', () => {
  test('has a line for each request where that is asked for, and nothing that opens anything', async () => {
    const { server, secretKey } = await serve({ BILLINGOS_LOG: 'requests' });
    const reply = await track(server.url, secretKey, { quantity: 1, metadata: { note: 'personal' } });
    server.signal('SIGTERM');
    const { stderr } = await server.ended;
    expect(logOf(stderr).find(({ message }) => message === 'request')).toEqual({
      time: expect.any(String) as string,
      level: 'info',
      message: 'request',
      request_id: reply.headers.get('x-request-id'),
      method: 'POST',
      route: '/v1/usage/track',
      status: 201,
      took_ms: expect.any(Number) as number,
    });
    for (const word of [secretKey, 'personal', 'customer', 'Bearer']) expect(stderr).not.toContain(word);
  });

  test('tells of the start and the stop, and of no request', async () => {
    const { server, secretKey } = await serve();
    await track(server.url, secretKey, { quantity: 1 });
    server.signal('SIGTERM');
    const messages = logOf((await server.ended).stderr).map(({ message }) => message);
    expect(messages).toEqual([
      'serving',
      'leaving: not ready any more, requests are still answered',
      'stopped',
    ]);
  });

  test.each([
    ['BILLINGOS_LOG', 'loud', 'give error, info, requests'],
    ['BILLINGOS_GRACE_MS', '9000', 'from 0 to 3000'],
    ['BILLINGOS_ADMIN_PORT', 'http', 'give a whole number from 0 to 65535'],
  ])('is not begun where %s is "%s"', async (name, value, advice) => {
    const ended = await billingos(['serve', '--port', '0', '--data', data.path], { [name]: value });
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining(advice)]);
  });
});

describe('a server that leaves', () => {
  test('answers through its grace, and asks each client to go', async () => {
    const { server, secretKey } = await serve({ BILLINGOS_GRACE_MS: '1500', BILLINGOS_ADMIN_PORT: '0' });
    server.signal('SIGTERM');
    while ((await fetch(`${server.url}/readyz`)).status !== 503);
    const reply = await track(server.url, secretKey, { quantity: 1 });
    expect([reply.status, reply.headers.get('connection')]).toEqual([201, 'close']);
    expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${server.adminUrl}/healthz`)).status).toBe(200);
    expect(await server.ended).toMatchObject({ code: 0 });
  });
});

describe('a server whose store’s thread has died', () => {
  test('answers 503 to who waits, says so, and ends as failed', async () => {
    const preload = join(import.meta.dirname, 'support/dying-writer.js');
    const { server, secretKey } = await serve({ NODE_OPTIONS: `--import ${preload}` });
    const replies = await Promise.all(
      [1, 2, 3].map((quantity) => track(server.url, secretKey, { quantity })),
    );
    expect(replies.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(replies[0]!.headers.get('retry-after')).not.toBeNull();
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    const { code, stderr } = await server.ended;
    expect(code).toBe(1);
    const [first] = logOf(stderr).filter(({ level }) => level === 'error');
    expect(first).toMatchObject({ message: 'the store has failed: stopping, to be started anew' });
    expect((await billingos(['verify', '--data', data.path])).stdout).toContain('Exact: 0 events');
  });
});

describe('the audit trail', () => {
  test('names the key and the request that took usage back, beside a running server', async () => {
    const { server, secretKey } = await serve();
    await track(server.url, secretKey, { quantity: 3, feature: 'seats' });
    const lowered = await track(server.url, secretKey, { quantity: -1, feature: 'seats' });
    const { event_id } = (await lowered.json()) as { event_id: string };
    const { stdout } = await billingos(['audit', '--json', '--data', data.path]);
    const { entries, more } = JSON.parse(stdout) as { entries: Record<string, unknown>[]; more: boolean };
    const [keyCreated, , corrected] = entries;
    expect([entries.length, more]).toEqual([3, false]);
    expect(corrected).toMatchObject({
      organization: 'Acme',
      mode: 'test',
      action: 'usage.corrected',
      subject: event_id,
      key_id: keyCreated?.['subject'],
      request_id: lowered.headers.get('x-request-id'),
      details: { feature: 'seats', action: 'add', delta: '-1' },
    });
    const after = await billingos(['audit', '--since', String(entries[1]?.['id']), '--data', data.path]);
    expect(after.stdout.split('\n')).toHaveLength(3);
    expect(after.stdout).toContain(event_id);
    expect((await billingos(['audit', '--since', '2999-01-01', '--data', data.path])).stdout).toBe(
      'No entries.\n',
    );
  });

  test('names the key and the request that revoked a token and deleted a customer', async () => {
    const { server, secretKey } = await serve();
    const ask = async (method: string, path: string, body?: object) => {
      const headers = { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' };
      const reply = await fetch(server.url + path, {
        method,
        headers,
        body: body ? JSON.stringify(body) : null,
      });
      const made = (await reply.json()) as { id: string; tokenId: string };
      return { ...made, requestId: reply.headers.get('x-request-id') };
    };
    const { tokenId } = await ask('POST', '/v1/session-tokens', { externalUserId: 'user_1' });
    const { id: customerId } = await ask('GET', '/customers/external/user_1');
    const revoked = await ask('DELETE', `/v1/session-tokens/${tokenId}`);
    const deleted = await ask('DELETE', `/customers/${customerId}`);
    const { entries } = await facts<{ entries: Record<string, unknown>[] }>(['audit', '--data', data.path]);
    const key_id = entries[0]?.['subject'];
    expect(entries.slice(2)).toMatchObject([
      { action: 'token.revoked', subject: tokenId, key_id, request_id: revoked.requestId },
      { action: 'customer.deleted', subject: customerId, key_id, request_id: deleted.requestId },
    ]);
  });

  test('is asked from an instant or an entry, and from nothing else', async () => {
    const { code, stderr } = await billingos(['audit', '--since', 'yesterday', '--data', data.path]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('give an instant such as 2026-01-31T00:00:00Z'),
    ]);
  });
});
