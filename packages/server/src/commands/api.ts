import { isSecretKey } from '../auth/secret-keys.ts';
import { readUrl, SettingsError } from '../settings.ts';
import { CommandError, type Invocation } from './command.ts';

const REQUEST_TIMEOUT_MS = 30_000;

/** The usage API as the command line or the environment names it. */
export interface Api {
  readonly url: string;
  readonly secretKey: string;
  readonly mode: string;
  /** The JSON of a reply. @throws CommandError when there is none, or it is an error. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<object>;
}

/**
 * By `--url` and `--key`, where a command has them, before the environment.
 * @throws SettingsError when one is missing: a key goes to no host that nobody named.
 */
export function apiOf({ env, options }: Pick<Invocation, 'env' | 'options'>): Api {
  const urlName = options['url'] === undefined ? 'BILLINGOS_API_URL' : '--url';
  const keyName = options['key'] === undefined ? 'BILLINGOS_SECRET_KEY' : '--key';
  const url = readUrl(urlName === '--url' ? options : env, urlName);
  const secretKey = options['key'] ?? env['BILLINGOS_SECRET_KEY'] ?? '';
  if (url === undefined) {
    throw new SettingsError(
      'BILLINGOS_API_URL is not set: the address of the API, such as http://127.0.0.1:4242.',
    );
  }
  if (!isSecretKey(secretKey)) {
    throw new SettingsError(`${keyName} is not set to a secret key, sk_test_… or sk_live_….`);
  }
  return {
    url,
    secretKey,
    mode: secretKey.startsWith('sk_live_') ? 'live' : 'test',
    ask: (...request) => ask({ url, urlName, secretKey, keyName }, ...request),
  };
}

/** Where a request goes, and what named it. */
interface Named {
  readonly url: string;
  readonly urlName: string;
  readonly secretKey: string;
  readonly keyName: string;
}

async function ask(
  { url, urlName, secretKey, keyName }: Named,
  method: string,
  path: string,
  body?: unknown,
): Promise<object> {
  const { status, text } = await send(url + path, {
    method,
    headers: { Authorization: `Bearer ${secretKey}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new CommandError(
      `No API answers at ${url} (${reasonOf(error)}). Is it running, and is ${urlName} right?`,
    );
  });
  const reply = parse(text);
  if (status === 200 && reply !== null) return reply;
  if (status === 401) throw new CommandError(`The API at ${url} refuses the key in ${keyName}.`);
  const detail = (reply as { detail?: unknown } | null)?.detail;
  throw new CommandError(
    typeof detail === 'string'
      ? `The API at ${url} refused: ${detail}`
      : `What answers at ${url} (with status ${status}) is not the usage API. Is ${urlName} right?`,
  );
}

async function send(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  // A redirect would carry the request to a host that nobody named.
  const response = await fetch(url, { ...init, redirect: 'error', signal });
  return { status: response.status, text: await response.text() };
}

/** The object that a text is in JSON; `null` where it is none. */
function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** `fetch` keeps the reason in a cause, and its own words say nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, code } = (error.cause ?? error) as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : message;
}
