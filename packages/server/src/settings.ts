import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What `billingos dev` is told: flags win over the environment (wire contract §10). */
export interface DevSettings {
  /** 0 picks a free one. */
  port: number;
  host: string;
  /** Where the embedded store and dev.json live. */
  dataFolder: string;
  /** The address clients reach the API at; `undefined`: the one it listens on. */
  publicUrl: string | undefined;
}

/** A setting that cannot be used; the message says which and what to give instead. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const PORT_DEFAULT = '4242';
const HOST_DEFAULT = '127.0.0.1';
const DATA_DEFAULT = '.billingos';

/** @throws SettingsError for an unknown flag or a value out of range. */
export function devSettings(args: string[], env: Readonly<Record<string, string | undefined>>): DevSettings {
  const flags = readFlags(args);
  const publicUrl = env['BILLINGOS_PUBLIC_URL'];
  if (publicUrl !== undefined && !(URL.canParse(publicUrl) && /^https?:/.test(publicUrl))) {
    throw new SettingsError(`BILLINGOS_PUBLIC_URL is "${publicUrl}"; give an http or https URL.`);
  }
  return {
    port: readPort(flags.port ?? env['PORT'] ?? PORT_DEFAULT),
    host: flags.host ?? env['HOST'] ?? HOST_DEFAULT,
    dataFolder: resolve(flags.data ?? env['BILLINGOS_DATA'] ?? DATA_DEFAULT),
    publicUrl: publicUrl?.replace(/\/+$/, ''),
  };
}

function readFlags(args: string[]): { port?: string; host?: string; data?: string } {
  try {
    const { values } = parseArgs({
      args,
      options: { port: { type: 'string' }, host: { type: 'string' }, data: { type: 'string' } },
    });
    return values;
  } catch (error) {
    throw new SettingsError(error instanceof Error ? error.message : String(error));
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new SettingsError(`The port is "${text}"; give a whole number from 0 to 65535.`);
}
