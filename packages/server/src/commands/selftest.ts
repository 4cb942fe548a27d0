import { randomBytes } from 'node:crypto';
import { checkHistory, INVARIANTS, type Finding } from '../selftest/check.ts';
import { drive, type Meter } from '../selftest/drive.ts';
import type { Attempt } from '../selftest/history.ts';
import { observe, removeCustomers } from '../selftest/observe.ts';
import { usageApi } from '../selftest/usage-api.ts';
import { apiOf, type Api } from './api.ts';
import { CommandError, JSON_OPTION, type Command, type Invocation, type Outcome } from './command.ts';
import { UsageError } from './command-line.ts';
import { columns } from './help.ts';

const SECONDS_DEFAULT = '10';
const SECONDS_MAX = 3_600;
const CLIENTS_DEFAULT = '16';
const CLIENTS_MAX = 256;
const CUSTOMERS = 3;
const PROGRESS_MS = 2_000;
/** Of each invariant; the total says how many more there are. */
const VIOLATIONS_SHOWN_MAX = 10;

export const selftest: Command = {
  name: 'selftest',
  summary: 'put a running API under load, and check from outside that it counts exactly',
  details: `Many clients at once track usage of a few new customers near the limit: events, copies of events, batches,
decreases, "set". Then every reply, every key and every total is checked. Ends with 1 where one is wrong. The customers
are deleted afterwards, also after Ctrl-C. The catalog's default product needs the feature with a limit that is not
allowed to be passed; a thousand or so tries the limit more often than a million. Without --url and --key,
BILLINGOS_API_URL names the API and BILLINGOS_SECRET_KEY the tenant: others on the machine can read a command line.`,
  options: {
    feature: { value: 'KEY', help: 'the feature to track, with a hard limit', required: true },
    url: { value: 'URL', help: 'the API  (BILLINGOS_API_URL)' },
    key: { value: 'KEY', help: 'a secret key of test mode  (BILLINGOS_SECRET_KEY)' },
    seconds: { value: 'N', help: `how long, up to ${SECONDS_MAX}  (default ${SECONDS_DEFAULT})` },
    clients: { value: 'N', help: `how many at once, up to ${CLIENTS_MAX}  (default ${CLIENTS_DEFAULT})` },
    ...JSON_OPTION,
  },
  async run(invocation) {
    const { options, report } = invocation;
    const seconds = readCount(options['seconds'] ?? SECONDS_DEFAULT, '--seconds', SECONDS_MAX);
    const clients = readCount(options['clients'] ?? CLIENTS_DEFAULT, '--clients', CLIENTS_MAX);
    const api = testApiOf(invocation);
    const runId = randomBytes(6).toString('hex');
    const customers = Array.from({ length: CUSTOMERS }, (_, n) => `selftest-${runId}-${n + 1}`);
    const meter = await readMeter(api, options['feature'] ?? '', customers[0] ?? '');
    const send = usageApi(() => api.url, api.secretKey);
    const attempts: Attempt[] = [];
    const interruption = listenForInterruption(() => report('Stopping. Once more, and its customers stay.'));
    const deadline = performance.now() + seconds * 1_000;
    const progress = setInterval(() => {
      const left = Math.max(0, deadline - performance.now()) / 1_000;
      report(`${attempts.length} events sent, ${left.toFixed(0)} s left`);
    }, PROGRESS_MS);
    try {
      const load = { send, meter, customers, clients };
      await drive({
        ...load,
        random: Math.random,
        clock: () => performance.now(),
        isOver: () => interruption.happened() || performance.now() > deadline,
        record: (attempt) => void attempts.push(attempt),
      });
      clearInterval(progress);
      if (interruption.happened()) throw new CommandError('Stopped before its time: there is no verdict.');
      report('Looking up what was kept');
      const findings = checkHistory(await observe(load, attempts));
      return outcomeOf(findings, attempts, { api_url: api.url, ...meter, seconds, clients, customers });
    } finally {
      clearInterval(progress);
      const left = await removeCustomers(send, customers);
      if (left.length > 0) report(`The API did not delete its customers ${left.join(', ')}.`);
      interruption.end();
    }
  },
};

function readCount(text: string, flag: string, max: number): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  throw new UsageError(`${flag} is "${text}"; give a whole number from 1 to ${max}.`);
}

function testApiOf(invocation: Invocation): Api {
  const api = apiOf(invocation);
  if (api.mode === 'test') return api;
  throw new UsageError('selftest tracks usage that nobody has used: give it a key of test mode, sk_test_….');
}

interface MetricRow {
  readonly feature_key: string;
  readonly feature_type: Meter['type'];
  readonly limit: number | null;
  readonly overage_allowed: boolean;
}

/** The feature as a new customer has it. @throws CommandError where it is not to be had, or has no limit to try. */
async function readMeter(api: Api, feature: string, customer: string): Promise<Meter> {
  const query = new URLSearchParams({ customer_id: customer });
  const { metrics } = (await api.ask('GET', `/v1/usage/metrics?${query}`)) as { metrics: MetricRow[] };
  const row = metrics.find(({ feature_key }) => feature_key === feature);
  const hard = metrics.filter(hasHardLimit).map(({ feature_key }) => feature_key);
  const there = hard.length === 0 ? 'no feature has one' : `these have one: ${hard.join(', ')}`;
  if (row === undefined) {
    throw new CommandError(
      `New customers have no metered feature "${feature}". It must be in the catalog's default product, with a hard ` +
        `limit; ${there}.`,
    );
  }
  if (!hasHardLimit(row)) {
    throw new CommandError(
      `${feature} has no limit of at least 1 that refuses what is beyond it, so there is nothing to try; ${there}.`,
    );
  }
  return { feature, type: row.feature_type, limit: row.limit };
}

function hasHardLimit(row: MetricRow): row is MetricRow & { limit: number } {
  const { limit, overage_allowed } = row;
  return limit !== null && limit >= 1 && limit <= Number.MAX_SAFE_INTEGER && !overage_allowed;
}

/** Hears of Ctrl-C, and of a supervisor's signal; a second one ends the process. */
function listenForInterruption(onFirst: () => void): { happened: () => boolean; end: () => void } {
  let happened = false;
  const listen = (): void => {
    if (happened) process.exit(1);
    happened = true;
    onFirst();
  };
  process.on('SIGINT', listen).on('SIGTERM', listen);
  return {
    happened: () => happened,
    end: () => void process.off('SIGINT', listen).off('SIGTERM', listen),
  };
}

function outcomeOf(
  findings: readonly Finding[],
  attempts: readonly Attempt[],
  run: Readonly<Record<string, unknown>>,
): Outcome {
  const counts = { recorded: 0, refused: 0, unknown: 0, unexpected: 0 };
  for (const { reply } of attempts) counts[reply.kind] += 1;
  const failed = findings.some(({ violations }) => violations.length > 0);
  const facts = {
    correct: !failed,
    ...run,
    events_sent: attempts.length,
    ...counts,
    invariants: findings.map(({ invariant, checked, violations }) => ({
      name: invariant,
      holds: INVARIANTS[invariant],
      checked,
      violations_total: violations.length,
      violations: violations.slice(0, VIOLATIONS_SHOWN_MAX),
    })),
  };
  const sent = `${attempts.length} events sent, ${counts.recorded} answered as recorded, ${counts.refused} refused`;
  const verdict = `${failed ? 'Not correct' : 'Correct'}: ${sent}, ${counts.unknown} without a certain answer`;
  return { text: `${verdict}\n\n${findingsText(findings)}\n`, facts, failed };
}

function findingsText(findings: readonly Finding[]): string {
  const table = columns(
    findings.map(({ invariant, checked, violations }) => [
      violations.length === 0 ? '✓' : '✗',
      INVARIANTS[invariant],
      `${checked} checked`,
      violations.length === 0 ? '' : `${violations.length} wrong`,
    ]),
  );
  const examples = findings.flatMap(({ violations }) => violations.slice(0, VIOLATIONS_SHOWN_MAX));
  return [table, ...examples.map((example) => `  ${example}`)].join('\n');
}
