import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { quantile } from './report.ts';

/**
 * Sends requests over connections that are kept alive, in a process of its own, and speaks with its parent by messages.
 * Requests are written straight to sockets: what a client library costs would be measured as the server's.
 */

/** What one run sends. */
export interface Load {
  readonly port: number;
  readonly secretKey: string;
  readonly route: Route;
  /** Customers that requests are spread over, in turn. */
  readonly customers: number;
  /** On each of them one request at a time; opened when they are first needed. */
  readonly connections: number;
  /** Requests a second, whatever comes back; `null` sends on each connection as soon as the last reply is there. */
  readonly perS: number | null;
  readonly runMs: number;
}

export type Route = 'track' | 'check' | 'batch';

export interface Figures {
  readonly repliesPerS: number;
  /** From the first request to the last reply: what was due and could not be sent in time is sent late. */
  readonly tookMs: number;
  /** Of these what came while requests were still due, per second of that time. */
  readonly inTimePerS: number;
  /** What was sent per second of that time. */
  readonly sentPerS: number;
  /** From the instant that a request was due, not from when it was sent. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How late the generator itself was: what it sent too late although a connection was free. */
  readonly lagP99Ms: number;
  /** Replies of 503 that say when to come again. */
  readonly turnedAway: number;
  /** All other replies, which are not measured but looked at. */
  readonly failed: number;
}

/** The feature that is tracked and checked: it has a limit and may pass it. */
export const FEATURE = 'emails';

/** Events of one batch. */
export const BATCH_EVENTS = 100;

const CUSTOMER_DIGITS = 6;
const SERIAL_DIGITS = 12;
/** How often the generator looks whether a request is due; it also does with each reply. */
const TICK_MS = 1;

export function customerId(index: number): string {
  return `user_${String(index).padStart(CUSTOMER_DIGITS, '0')}`;
}

/** Texts of requests, each of another key. */
function requests({ port, secretKey, route, customers }: Load): () => Buffer {
  const head = (line: string): string =>
    `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${secretKey}\r\n`;
  let sent = 0;
  if (route === 'check') {
    return () => {
      const query = `customer_id=${customerId(sent++ % customers)}&feature_key=${FEATURE}`;
      return Buffer.from(`${head(`GET /v1/usage/check?${query}`)}\r\n`, 'latin1');
    };
  }
  const run = randomBytes(8).toString('hex');
  const event = (): string =>
    `{"customer_id":"${customerId(sent % customers)}","feature_key":"${FEATURE}","quantity":1,` +
    `"idempotency_key":"${run}-${String(sent++).padStart(SERIAL_DIGITS, '0')}"}`;
  const body =
    route === 'track' ? event : () => `{"events":[${Array.from({ length: BATCH_EVENTS }, event).join(',')}]}`;
  const { length } = body();
  const fixed =
    head(`POST /v1/usage/${route}`) + `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  return () => Buffer.from(fixed + body(), 'latin1');
}

/** Calls `replied` with the status of each reply and whether it says when to come again, once all of it is there. */
function readReplies(socket: Socket, replied: (status: number, saysWhen: boolean) => void): void {
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const head = received.slice(0, headEnd);
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1]);
      if (Number.isNaN(length)) throw new Error(`A reply without a length: ${head}`);
      const end = headEnd + 4 + length;
      if (received.length < end) return;
      const status = Number(received.slice(9, 12));
      received = received.slice(end);
      replied(status, status === 503 && /\nretry-after:/i.test(head));
    }
  });
}

/** A connection, and one request at a time on it. */
interface Line {
  send(): void;
}

async function run(load: Load): Promise<Figures> {
  const { port, connections, perS, runMs, route } = load;
  const next = requests(load);
  const good = route === 'track' ? 201 : 200;
  const latenciesMs: number[] = [];
  const lagsMs: number[] = [];
  const idle: Line[] = [];
  let open = 0;
  let inTime = 0;
  let turnedAway = 0;
  let failed = 0;
  let waiting = 0;
  const sockets = new Set<Socket>();
  const started = performance.now();
  let due = 0;
  let sent = 0;
  let freeSince = started;

  function sendDue(): void {
    const now = performance.now();
    if (perS !== null) due = Math.floor((Math.min(now - started, runMs) * perS) / 1_000);
    while (perS === null ? now - started < runMs : sent < due) {
      const line = idle.pop() ?? (open < connections ? newLine() : undefined);
      if (line === undefined) return;
      line.send();
    }
  }

  function newLine(): Line {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    sockets.add(socket);
    open += 1;
    let dueAt = 0;
    let isWaiting = false;
    const line: Line = {
      send() {
        const now = performance.now();
        dueAt = perS === null ? now : started + ((sent + 1) * 1_000) / perS;
        // With a connection free since before it was due, nothing but the generator has kept it.
        if (perS !== null) lagsMs.push(now - Math.max(dueAt, freeSince));
        sent += 1;
        waiting += 1;
        isWaiting = true;
        socket.write(next());
      },
    };
    readReplies(socket, (status, saysWhen) => {
      // What the server says to a connection before it closes it for being idle answers nothing.
      if (!isWaiting) return;
      isWaiting = false;
      const now = performance.now();
      if (idle.length === 0 && open === connections) freeSince = now;
      if (status === good) {
        latenciesMs.push(now - dueAt);
        if (now - started <= runMs) inTime += 1;
      } else if (saysWhen) turnedAway += 1;
      else failed += 1;
      waiting -= 1;
      idle.push(line);
      sendDue();
    });
    socket.on('error', () => undefined);
    socket.on('end', () => {
      const index = idle.indexOf(line);
      if (index !== -1) idle.splice(index, 1);
    });
    socket.on('close', () => {
      sockets.delete(socket);
      open -= 1;
      if (!isWaiting) return;
      failed += 1;
      waiting -= 1;
    });
    return line;
  }

  const isDone = (): boolean => waiting === 0 && performance.now() - started >= runMs;

  let ticking: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    ticking = setInterval(() => {
      sendDue();
      if (isDone()) resolve();
    }, TICK_MS);
    sendDue();
  });
  clearInterval(ticking);
  const tookMs = performance.now() - started;
  for (const socket of sockets) socket.destroy();
  return {
    repliesPerS: (latenciesMs.length * 1_000) / tookMs,
    tookMs,
    inTimePerS: (inTime * 1_000) / runMs,
    sentPerS: (sent * 1_000) / runMs,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    lagP99Ms: quantile(lagsMs, 0.99),
    turnedAway,
    failed,
  };
}

if (process.send !== undefined) {
  process.on('message', (load: Load) => void run(load).then((figures) => process.send?.(figures)));
}
