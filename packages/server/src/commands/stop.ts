import type { ReportError } from '../api-server.ts';

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

/** What went wrong in a request, with its stack, under the id that the reply carries. */
export function reportTo(report: (text: string) => void): ReportError {
  return (error, source) =>
    report(`${source} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}
