/**
 * The log of `billingos serve`: one JSON object a line, on standard error. It carries request ids, patterns of routes,
 * statuses and reasons, and no key, token, body or metadata; {@link redact} is the net below that.
 */
export type Log = (
  level: 'info' | 'error',
  message: string,
  facts?: Readonly<Record<string, unknown>>,
) => void;

/** What is logged: faults only; also what the server does; also each request. */
export const LOG_LEVELS = ['error', 'info', 'requests'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Faults logged in a second. A store that is away is a fault for every request. */
const FAULTS_PER_SECOND_MAX = 100;
const SECOND_MS = 1_000;

export function jsonLog(level: LogLevel, write: (line: string) => void, clock: () => number): Log {
  let second = 0;
  let faults = 0;

  function put(of: 'info' | 'error', message: string, facts: Readonly<Record<string, unknown>>): void {
    const time = new Date(clock()).toISOString();
    write(redact(JSON.stringify({ time, level: of, message, ...facts })));
  }

  function isTooMuch(): boolean {
    const now = Math.floor(clock() / SECOND_MS);
    if (now !== second) {
      const leftOut = faults - FAULTS_PER_SECOND_MAX;
      if (leftOut > 0) put('error', 'faults were left out', { count: leftOut });
      second = now;
      faults = 0;
    }
    faults += 1;
    return faults > FAULTS_PER_SECOND_MAX;
  }

  return (of, message, facts = {}) => {
    if (of === 'info' ? level !== 'error' : !isTooMuch()) put(of, message, facts);
  };
}

/** The facts of an error, with its stack: for a fault of ours there is nothing else to go by. */
export function errorFacts(error: unknown): { error: string } {
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Takes out what opens something: secret keys, session tokens, whatever else a header authorizes, passwords in URLs. */
export function redact(text: string): string {
  return text
    .replaceAll(/\bsk_(test|live)_[\w-]+/g, 'sk_$1_…')
    .replaceAll(/\bbos_session_(test|live)_[\w.-]+/g, 'bos_session_$1_…')
    .replaceAll(/\b(Bearer|Basic) +[^\s"\\]+/gi, '$1 …')
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*):[^\s/@"]+@/gi, '$1:…@');
}
