import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsError, type DatabaseSettings, type ListenSettings, type StoreSettings } from './settings.ts';

/** Permission bits of everyone but a folder's owner. */
const OTHERS = 0o077;

/**
 * What a production server must not start with.
 * @throws SettingsError with the reason and the way out.
 */
export function refuseInsecure(listening: ListenSettings, store: StoreSettings): void {
  refuseClearText(listening);
  if (store.kind === 'postgres') refuseClearDatabase(store);
  else if (existsSync(store.folder)) refuseFolder(store.folder);
}

/** Secret keys and session tokens are as good as what they open, and travel with every request. */
function refuseClearText({ host, publicUrl }: ListenSettings): void {
  if (publicUrl === undefined) {
    if (isLoopback(host)) return;
    throw new SettingsError(
      `HOST ${host} can be reached from other machines, and this server speaks plain HTTP: keys would travel in ` +
        'clear text. Put a proxy with TLS in front and give its address, BILLINGOS_PUBLIC_URL=https://…, or listen on ' +
        '127.0.0.1.',
    );
  }
  const { protocol, hostname } = new URL(publicUrl);
  if (protocol === 'https:' || (isLoopback(hostname) && isLoopback(host))) return;
  throw new SettingsError(
    `BILLINGOS_PUBLIC_URL is ${publicUrl}: keys would travel in clear text. Give the https:// address of the proxy ` +
      'with TLS in front of this server.',
  );
}

/** A driver that is told nothing of TLS uses none. Where the network is one's own that may be right, but not unsaid. */
function refuseClearDatabase({ url, directUrl }: DatabaseSettings): void {
  for (const [name, address] of Object.entries({ DATABASE_URL: url, DATABASE_DIRECT_URL: directUrl })) {
    const { hostname, searchParams } = new URL(address);
    const host = searchParams.get('host') ?? decodeURIComponent(hostname);
    const isLocal = host === '' || host.startsWith('/') || isLoopback(host);
    if (isLocal || ['sslmode', 'ssl'].some((given) => searchParams.has(given))) continue;
    throw new SettingsError(
      `The database at ${host} would be spoken to in clear text, password and keys included. End ${name} with ` +
        '"?sslmode=verify-full", or with "?sslmode=disable" where the network in between is your own.',
    );
  }
}

function refuseFolder(folder: string): void {
  const found = statSync(folder);
  // Whatever else it is, nobody should be told to close it: there can be no store in it.
  if (!found.isDirectory()) return;
  const mode = found.mode & 0o777;
  // Windows has no such bits: what it reports there says nothing.
  if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
    throw new SettingsError(
      `Other users of this machine can get at the store in ${folder} (its mode is ${mode.toString(8)}), and keys are ` +
        `in it. Close it with: chmod 700 "${folder}"`,
    );
  }
  if (existsSync(join(folder, 'dev.json'))) {
    throw new SettingsError(
      `${folder} holds the demo of "billingos dev", with its customer and a key that lies beside it. Use another ` +
        'folder with --data.',
    );
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
