import { readFileSync, writeFileSync } from 'node:fs';
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

function attempt<T>(what: 'read' | 'write', file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CommandError(
      `Cannot ${what} ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
