import type { NudgeTrigger, UsageMetric } from '../../src/client/wire.ts';
import { CRITICAL_AT_DEFAULT, statusOf, WARN_AT_DEFAULT } from '../../src/elements/internal/quota.ts';
import { metricOf, nudgeOf } from '../../src/elements/testing/fake-store.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const RESETS_IN_DAYS = 9;
const EXCEEDED_AT = 100;

/** A row on the wire, as of now; what follows from its figures is derived anew. Without a limit it is unlimited. */
export function rowOf({ limit = 1000, consumed = 842, ...facts }: Partial<UsageMetric> = {}): UsageMetric {
  const nowMs = Date.now();
  const resets = facts.feature_type !== 'numeric_limit';
  const bound = limit ?? Infinity;
  const { percentage_used, remaining, overage } = metricOf({ consumed, limit: bound });
  const { warn_at: warnAt = WARN_AT_DEFAULT } = facts;
  return {
    ...metricOf({
      period_start: new Date(nowMs - 21 * DAY_MS).toISOString(),
      period_end: resets ? new Date(nowMs + RESETS_IN_DAYS * DAY_MS).toISOString() : null,
      resets_in_days: resets ? RESETS_IN_DAYS : null,
      as_of: new Date(nowMs).toISOString(),
    }),
    ...facts,
    consumed,
    limit,
    percentage_used,
    remaining: limit === null ? null : remaining,
    overage,
    status: statusOf(consumed, bound, { warnAt, criticalAt: CRITICAL_AT_DEFAULT }),
  };
}

export const API_CALLS = rowOf({ feature_key: 'api_calls', feature_title: 'API calls', consumed: 842 });
export const STORAGE = rowOf({
  feature_key: 'storage_gb',
  feature_title: 'Storage',
  feature_type: 'numeric_limit',
  unit: 'gb',
  consumed: 3.2,
  limit: 10,
});
export const TEAM_MEMBERS = rowOf({
  feature_key: 'team_members',
  feature_title: 'Team members',
  feature_type: 'numeric_limit',
  unit: 'seat',
  consumed: 4,
  limit: 5,
  warn_at: 90,
});
export const FILES_PROCESSED = rowOf({
  feature_key: 'files_processed',
  feature_title: 'Files processed',
  consumed: 1120,
  overage_allowed: true,
});
export const EMAILS_SENT = rowOf({
  feature_key: 'emails_sent',
  feature_title: 'Emails sent',
  consumed: 18_204,
  limit: null,
});
export const EVENTS_INGESTED = rowOf({
  feature_key: 'events_ingested',
  feature_title: 'Events ingested',
  consumed: 1_204_512,
  limit: 5_000_000,
});
export const BUILD_MINUTES = rowOf({
  feature_key: 'build_minutes',
  feature_title: 'Build minutes',
  consumed: 500,
  limit: 500,
});
export const DATABASE_ROWS = rowOf({
  feature_key: 'database_rows',
  feature_title: 'Database rows',
  feature_type: 'numeric_limit',
  consumed: 48_600,
  limit: 50_000,
});
export const WEBHOOKS = rowOf({
  feature_key: 'webhooks',
  feature_title: 'Webhook deliveries',
  consumed: 0,
  limit: 10_000,
});
export const CUSTOM_DOMAINS = rowOf({
  feature_key: 'custom_domains',
  feature_title: 'Custom domains',
  feature_type: 'numeric_limit',
  consumed: 1,
  limit: 3,
});
/** Sixty characters. */
export const LONG_TITLE = rowOf({
  feature_key: 'long_title',
  feature_title: 'Transactional and marketing emails sent from all workspaces.',
  consumed: 61_480,
  limit: 100_000,
});

/** A plan as most customers have one. */
export const TYPICAL = [API_CALLS, STORAGE, TEAM_MEMBERS, FILES_PROCESSED, EMAILS_SENT];

/** The nudge at a threshold of API calls, with the next plan. */
export function nudgeAt(
  severity: NudgeTrigger['severity'],
  facts: Partial<NudgeTrigger> = {},
): { rows: UsageMetric[]; nudges: NudgeTrigger[] } {
  const { threshold, consumed } = SEVERITIES[severity];
  const row = rowOf({ feature_key: 'api_calls', feature_title: 'API calls', consumed });
  const nudge = nudgeOf({
    id: `nudge_${severity}`,
    threshold,
    severity,
    actual: consumed / 10,
    resets_at: row.period_end,
    ...facts,
  });
  return { rows: [row, STORAGE, TEAM_MEMBERS], nudges: [nudge] };
}

const SEVERITIES = {
  warning: { threshold: 80, consumed: 842 },
  critical: { threshold: CRITICAL_AT_DEFAULT, consumed: 968 },
  exceeded: { threshold: EXCEEDED_AT, consumed: 1000 },
} as const;

/** The nudge of the highest threshold that lies between two states of a row, if any does. */
export function crossedBy(before: UsageMetric, after: UsageMetric): NudgeTrigger[] {
  const { limit } = after;
  if (limit === null) return [];
  const share = ({ consumed }: UsageMetric) => (consumed / limit) * 100;
  const threshold = [EXCEEDED_AT, CRITICAL_AT_DEFAULT, after.warn_at].find(
    (mark) => share(before) < mark && share(after) >= mark,
  );
  if (threshold === undefined) return [];
  const severity =
    threshold === EXCEEDED_AT ? 'exceeded' : threshold === CRITICAL_AT_DEFAULT ? 'critical' : 'warning';
  return [
    nudgeOf({
      id: `nudge_${after.feature_key}_${severity}`,
      feature: after.feature_key,
      threshold,
      severity,
      actual: share(after),
      resets_at: after.period_end,
    }),
  ];
}
