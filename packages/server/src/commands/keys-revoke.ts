import { hashSecretKey, isSecretKey } from '../auth/secret-keys.ts';
import { CommandError, DATA_OPTION, JSON_OPTION, type Command } from './command.ts';
import { withExistingStore } from './existing-store.ts';
import { keyDocument } from './keys-list.ts';

export const keysRevoke: Command = {
  name: 'keys revoke',
  summary: 'end a secret key for good',
  details: 'ID is the key_… of "billingos keys list", or the key itself when only that is known.',
  operands: ['ID'],
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run(invocation) {
    const [given = ''] = invocation.operands;
    return withExistingStore(invocation, async (ledger) => {
      const id = isSecretKey(given) ? (await ledger.findSecretKey(hashSecretKey(given)))?.id : given;
      const entry = id === undefined ? null : await ledger.revokeSecretKey(id, Date.now());
      if (entry === null) {
        throw new CommandError(
          isSecretKey(given)
            ? 'No key that works is that one: it was revoked before, or belongs to another store.'
            : `There is no key ${given}. See billingos keys list.`,
        );
      }
      const { organization, mode, name, revoked_at } = keyDocument(entry);
      return {
        text: `Key ${entry.id} (${name}) of ${organization}, ${mode} mode, is revoked since ${revoked_at}. Every server refuses it within 5 seconds.\n`,
        facts: keyDocument(entry),
      };
    });
  },
};
