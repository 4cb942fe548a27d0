import type { ReportError } from '../api-server.ts';
import { errorFacts, redact } from '../log.ts';

/** How long an orderly stop may take before the process ends without it. */
const STOP_MS_MAX = 9_000;

/** Stops in order at the first signal; at a second, or when that takes too long, at once. */
export function stopOnSignal(server: { close(): Promise<void> }): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
    void server.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

/** How long those who wait for a store that has failed get to hear so. */
const FAILED_MS = 1_000;

/** Ends the process as failed, for its supervisor to start it anew: what is lost with a store's thread comes back so. */
export function failSoon(): void {
  setTimeout(() => process.exit(1), FAILED_MS);
}

/** What went wrong in a request, with its stack, under the id that the reply carries. */
export function reportTo(report: (text: string) => void): ReportError {
  return (error, source) => report(redact(`${source} ${errorFacts(error).error}`));
}
