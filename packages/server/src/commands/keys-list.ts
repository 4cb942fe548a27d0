import type { SecretKeyEntry } from '../ledger/ledger.ts';
import { DATA_OPTION, JSON_OPTION, type Command } from './command.ts';
import { withExistingStore } from './existing-store.ts';
import { columns } from './help.ts';

const HEADER = ['ID', 'ORGANIZATION', 'MODE', 'NAME', 'CREATED', 'REVOKED'];

export const keysList: Command = {
  name: 'keys list',
  summary: 'list the secret keys, the revoked ones too',
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run: (invocation) =>
    withExistingStore(invocation, async (ledger) => {
      const keys = (await ledger.listSecretKeys()).map(keyDocument);
      const rows = keys.map(({ id, organization, mode, name, created_at, revoked_at }) => [
        ...[id, organization, mode, name, created_at],
        revoked_at ?? '',
      ]);
      const text = keys.length === 0 ? 'There are no keys yet.' : columns([HEADER, ...rows]);
      return { text: `${text}\n`, facts: { keys } };
    }),
};

export function keyDocument({ id, organization, mode, name, createdAt, revokedAt }: SecretKeyEntry) {
  const created_at = new Date(createdAt).toISOString();
  const revoked_at = revokedAt === null ? null : new Date(revokedAt).toISOString();
  return { id, organization, mode, name, created_at, revoked_at };
}
