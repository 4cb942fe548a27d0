import type { Api, Query } from './api.ts';
import type { CallOptions, StreamEvent } from './client.ts';
import { NetworkError } from './errors.ts';
import { readSse } from './sse.ts';
import type { UsageMetric, UsageMetricsReply } from './wire.ts';

/** One live connection, as the events of the wire contract (§6). */
export async function* streamEvents(
  api: Api,
  path: string,
  call: CallOptions & { query: Query },
): AsyncGenerator<StreamEvent, void, undefined> {
  for await (const item of api.stream(path, call, readSse)) {
    if (item.type === 'retry') yield { event: 'retry', delayMs: item.delayMs };
    else if (item.type === 'comment') yield { event: 'heartbeat' };
    else if (item.event === 'snapshot')
      yield { event: 'snapshot', data: decode(item.data) as UsageMetricsReply };
    else if (item.event === 'usage') yield { event: 'usage', data: decode(item.data) as UsageMetric };
    // An event that a newer server has and this client does not know still shows that the line is alive.
    else yield { event: item.event === 'bye' ? 'bye' : 'heartbeat' };
  }
}

function decode(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new NetworkError('An event of the stream is not JSON.', { code: 'invalid_response', cause });
  }
}
