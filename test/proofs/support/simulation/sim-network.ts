import type { Clock } from '../../../../src/client/clock.ts';
import { NetworkError } from '../../../../src/client/errors.ts';
import type { Transport, TransportReply, TransportRequest } from '../../../../src/client/transport.ts';

/** How the network treats the next request. */
export type NetworkFate =
  'fine' | 'request lost' | 'reply lost' | 'reset' | 'reset after it arrived' | 'delivered twice' | 'garbled';

export interface NetworkWeather {
  fate(): NetworkFate;
  /** How long the next way takes, in milliseconds: later requests may overtake. */
  delayMs(): number;
}

export interface SimNetworkOptions {
  clock: Clock;
  weather: NetworkWeather;
  answer: (request: TransportRequest) => Promise<TransportReply>;
}

/**
 * A transport over a network that loses, repeats, reorders and breaks.
 *
 * @param run does something in the place of the caller, who may be frozen or gone by then
 */
export function simTransport(
  { clock, weather, answer }: SimNetworkOptions,
  run: (callback: () => void) => void = (callback) => callback(),
): Transport {
  const way = () => new Promise<void>((resolve) => void clock.schedule(resolve, weather.delayMs()));

  return async (request) => {
    const fate = weather.fate();
    const exchange = async (): Promise<TransportReply> => {
      if (fate === 'request lost') return never();
      await way();
      if (fate === 'reset') throw broken();
      const answered = answer(request);
      if (fate === 'reset after it arrived') throw broken();
      if (fate === 'reply lost') return never();
      // A proxy that hears nothing asks again, and passes the second answer on.
      if (fate === 'delivered twice') await way();
      const reply = await (fate === 'delivered twice' ? answer(request) : answered);
      return fate === 'garbled' ? { ...reply, status: 200, json: undefined } : reply;
    };
    return new Promise((resolve, reject) => {
      const exchanged = exchange();
      const tell = () => void way().then(() => run(() => resolve(exchanged)));
      request.signal.addEventListener('abort', () => reject(request.signal.reason as Error), { once: true });
      exchanged.then(tell, tell);
    });
  };
}

function broken(): NetworkError {
  return new NetworkError('The connection broke.');
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
