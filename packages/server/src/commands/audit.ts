import { auditIdAt } from '../ledger/audit-trail.ts';
import { AUDIT_READ_MAX, type AuditRecord } from '../ledger/ledger.ts';
import { DATA_OPTION, JSON_OPTION, type Command } from './command.ts';
import { UsageError } from './command-line.ts';
import { withExistingStore } from './existing-store.ts';
import { columns } from './help.ts';

const HEADER = ['AT', 'ORGANIZATION', 'MODE', 'ACTION', 'SUBJECT', 'BY', 'REQUEST', 'DETAILS'];

export const audit: Command = {
  name: 'audit',
  summary: 'who changed keys, catalogs and subscriptions, revoked tokens, deleted customers, took usage back',
  details: `Oldest first, ${AUDIT_READ_MAX} entries at most: read on with --since and the id of the last one. What is merely added
to a counter is not here; the usage events are that record.`,
  options: {
    since: { value: 'TIME|ID', help: 'from this instant on (2026-01-31T00:00:00Z), or after this entry' },
    ...DATA_OPTION,
    ...JSON_OPTION,
  },
  run(invocation) {
    const after = readSince(invocation.options['since']);
    return withExistingStore(invocation, async (ledger) => {
      const entries = (await ledger.auditTrail(after)).map(auditDocument);
      const more = entries.length === AUDIT_READ_MAX;
      return { text: auditText(entries, more), facts: { entries, more } };
    });
  },
};

function readSince(given = ''): string {
  if (given === '' || /^aud_[0-9a-f]{32}$/.test(given)) return given;
  const instant = /^\d{4}-\d{2}-\d{2}/.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(instant)) {
    throw new UsageError(
      `--since is "${given}"; give an instant such as 2026-01-31T00:00:00Z, or the aud_… id of an entry.`,
    );
  }
  return auditIdAt(instant);
}

function auditText(entries: readonly ReturnType<typeof auditDocument>[], more: boolean): string {
  if (entries.length === 0) return 'No entries.\n';
  const rows = entries.map(({ at, organization, mode, action, subject, key_id, request_id, details }) => [
    ...[at, organization, mode, action, subject],
    ...[key_id ?? 'operator', request_id ?? '', JSON.stringify(details)],
  ]);
  const readOn = more ? `\nThere may be more: read on with --since ${entries.at(-1)?.id ?? ''}\n` : '';
  return `${columns([HEADER, ...rows])}\n${readOn}`;
}

function auditDocument({ id, organization, mode, at, action, subject, author, details }: AuditRecord) {
  const { keyId: key_id, requestId: request_id } = author;
  return {
    id,
    at: new Date(at).toISOString(),
    organization,
    mode,
    action,
    subject,
    key_id,
    request_id,
    details,
  };
}
