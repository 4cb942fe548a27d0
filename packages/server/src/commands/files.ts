import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CommandError } from './command.ts';

/** What stands for standard input and output where a file is asked for. */
export const STANDARD = '-';

/** The text of a file, or of standard input until it is longer than anyone will take. */
export async function readText(file: string, bytesMax: number): Promise<string> {
  if (file !== STANDARD) return attempt('read', file, () => readFileSync(file, 'utf8'));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > bytesMax) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function writeText(file: string, text: string): void {
  attempt('write', file, () => writeFileSync(file, text));
}

/** @throws CommandError for a file that is not there, or is not to be read */
export function readable(file: string): void {
  attempt('read', file, () => accessSync(file, constants.R_OK));
}

/** Only its owner may read a file in which a store is: the keys are in it. */
const PRIVATE = 0o600;

/**
 * Makes a file that is there whole or not at all, also when the power fails: `write` fills one beside it, which then
 * takes its name.
 * @throws CommandError when there is one and it may not be replaced
 */
export async function writeWhole<T>(
  file: string,
  mayReplace: boolean,
  write: (partial: string) => T | Promise<T>,
): Promise<T> {
  if (!mayReplace && existsSync(file)) {
    throw new CommandError(`${file} is there already. Give another name, or --force to replace it.`);
  }
  const partial = `${file}.partial`;
  attempt('write', file, () => writeFileSync(partial, '', { mode: PRIVATE }));
  try {
    const result = await write(partial);
    attempt('write', file, () => putInPlace(partial, file));
    return result;
  } catch (error) {
    rmSync(partial, { force: true });
    throw isSystemFault(error) ? faultOf('write', file, error) : error;
  }
}

function putInPlace(partial: string, file: string): void {
  syncToDisk(partial);
  renameSync(partial, file);
  syncToDisk(dirname(file));
}

function syncToDisk(path: string): void {
  const opened = openSync(path, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

function attempt<T>(what: 'read' | 'write', file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw faultOf(what, file, error);
  }
}

function faultOf(what: 'read' | 'write', file: string, error: unknown): CommandError {
  return new CommandError(
    `Cannot ${what} ${file}: ${error instanceof Error ? error.message : String(error)}`,
  );
}

/** A disk that is full, a folder that is gone: what the system said of a call to it. */
function isSystemFault(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
