import { generateSecretKey, hashSecretKey } from '../auth/secret-keys.ts';
import type { Mode } from '../ledger/ledger.ts';
import { DATA_OPTION, JSON_OPTION, type Command } from './command.ts';
import { UsageError } from './command-line.ts';
import { withExistingStore } from './existing-store.ts';

const NAME_CHARS_MAX = 255;
const NAME_DEFAULT = 'default';

export const keysCreate: Command = {
  name: 'keys create',
  summary: 'make a secret key; an organization and mode is made on first use',
  details: 'The key is printed once: only its hash is kept.',
  options: {
    org: { value: 'NAME', help: 'the organization that the key is for', required: true },
    mode: { value: 'test|live', help: 'which of its two worlds', required: true },
    name: { value: 'NAME', help: `what to call the key in lists  (default ${NAME_DEFAULT})` },
    ...DATA_OPTION,
    ...JSON_OPTION,
  },
  run(invocation) {
    const { options } = invocation;
    const organization = readName(options['org'] ?? '', '--org');
    const mode = readMode(options['mode'] ?? '');
    const name = readName(options['name'] ?? NAME_DEFAULT, '--name');
    return withExistingStore(invocation, async (ledger) => {
      const now = Date.now();
      const secretKey = generateSecretKey(mode);
      const tenantId = await ledger.ensureTenant(organization, mode, now);
      const id = await ledger.addSecretKey(tenantId, { hash: hashSecretKey(secretKey), name }, now);
      return {
        text: `${secretKey}\n\nKey ${id} of ${organization}, ${mode} mode. It is shown this once; keep it where secrets are kept.\n`,
        facts: { id, secret_key: secretKey, organization, mode, name },
      };
    });
  },
};

function readMode(text: string): Mode {
  if (text === 'test' || text === 'live') return text;
  throw new UsageError(`--mode is "${text}"; give test or live.`);
}

function readName(text: string, flag: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this refuses
  const isPlain = /^[^\u0000-\u001f\u007f]*$/.test(text) && text.isWellFormed();
  if (isPlain && text.trim() !== '' && text.length <= NAME_CHARS_MAX) return text.trim();
  throw new UsageError(`${flag} must be 1 to ${NAME_CHARS_MAX} characters, without control characters.`);
}
