import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../client/client.ts';
import { until } from '../client/testing/clocks.ts';
import { json, problem, ScriptedServer, type Handler } from '../client/testing/scripted-server.ts';
import { createStore } from './create-store.ts';
import { later } from './later.ts';
import { reading, recorded, wireRow } from './testing/fake-client.ts';
import type { UsageStore } from './types.ts';

let server: ScriptedServer;
let store: UsageStore;
let streams: Parameters<Handler>[0][];
let paths: string[];

beforeEach(async () => {
  server = await ScriptedServer.start();
  streams = [];
  paths = [];
  // As on a page that has just come.
  delete later.parts;
  const client = createClient({ apiUrl: server.url, sessionToken: 'bos_session_test_x', maxRetries: 0 });
  store = createStore(client);
  server.script((response, request) => {
    const path = request.url.split('?', 1)[0] ?? '';
    paths.push(path);
    if (path === '/v1/features/stream') {
      streams.push(response);
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(`event: snapshot\ndata: ${JSON.stringify(reading())}\n\n`);
    } else if (path === '/v1/features/usage-metrics') json(200, reading())(response, request);
    else if (path === '/v1/features/nudges') json(200, { nudges: [] })(response, request);
    else if (path === '/v1/features/track-usage') json(201, recorded(11))(response, request);
    else problem(404, 'not_found')(response, request);
  });
});
afterEach(async () => {
  store.close();
  await server.stop();
});

describe('a store over HTTP', () => {
  it('shows the first snapshot, then what changes', async () => {
    store.subscribe(() => undefined);
    await until(() => store.getSnapshot().live);
    expect(store.feature('api_calls')?.consumed).toBe(10);
    streams[0]?.write(`event: usage\ndata: ${JSON.stringify(wireRow({ consumed: 12 }))}\n\n`);
    await until(() => store.feature('api_calls')?.consumed === 12);
  });

  it('reads the first numbers before it opens the line, whose code comes later', async () => {
    store.subscribe(() => undefined);
    await until(() => store.getSnapshot().status === 'ready');
    expect(paths).toContain('/v1/features/usage-metrics');
    expect(paths).not.toContain('/v1/features/stream');
    await until(() => store.getSnapshot().live);
  });

  it('opens the line at once when its code is there', async () => {
    await import('./background.ts').then(({ parts }) => (later.parts = parts));
    store.subscribe(() => undefined);
    await until(() => store.getSnapshot().live);
    expect(paths).not.toContain('/v1/features/usage-metrics');
  });

  it('records usage', async () => {
    store.subscribe(() => undefined);
    await until(() => store.getSnapshot().live);
    expect(await store.trackUsage({ featureKey: 'api_calls', quantity: 1 })).toMatchObject({
      status: 'recorded',
    });
    expect(store.feature('api_calls')).toMatchObject({ consumed: 11, sequence: 11 });
  });

  it('notices that the connection is gone', async () => {
    store.subscribe(() => undefined);
    await until(() => store.getSnapshot().live);
    streams[0]?.socket?.resetAndDestroy();
    await until(() => store.getSnapshot().stale);
    expect(store.feature('api_calls')?.consumed).toBe(10);
  });

  it('hangs up when it is closed', async () => {
    store.subscribe(() => undefined);
    await until(() => store.getSnapshot().live);
    store.close();
    await until(() => streams[0]?.destroyed === true);
  });
});
