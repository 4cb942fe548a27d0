import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LedgerUnavailableError } from '../ledger.ts';
import type { Answer, Call, WriterStore } from './worker.ts';

/** The thread that writes, as seen from the one that answers requests. */
export interface Writer {
  call<Method extends keyof WriterStore>(
    method: Method,
    ...args: Parameters<WriterStore[Method]>
  ): Promise<ReturnType<WriterStore[Method]>>;
  close(): Promise<void>;
}

/** @param onFailure told once, when the thread ends although nobody closed it. */
export async function startWriter(
  path: string,
  onFailure: (error: Error) => void = () => undefined,
): Promise<Writer> {
  // The worker stands beside this module, as TypeScript in the source and as JavaScript in the package.
  const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: { path },
  });
  /** Who waits for an answer: the thread gives them in the order in which it is asked. */
  const callers: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  let failure: Error | null = null;
  let closing = false;

  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
  worker.on('message', (answer: Answer) => {
    const caller = callers.shift();
    if ('value' in answer) caller?.resolve(answer.value);
    else caller?.reject(toError(answer));
  });
  const failAll = (error: Error): void => {
    const first = failure === null && !closing;
    failure = new LedgerUnavailableError('The embedded store has stopped', { cause: error });
    for (const { reject } of callers.splice(0)) reject(failure);
    if (first) onFailure(failure);
  };
  worker.on('error', failAll);
  worker.on('exit', (code) => failAll(new Error(`The store's thread ended with code ${code}`)));

  return {
    call(method, ...args) {
      if (failure !== null) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        // What cannot be sent is thrown here, and gets no answer that would be taken for the next caller's.
        worker.postMessage({ method, args } satisfies Call);
        callers.push({ resolve: resolve as (value: unknown) => void, reject });
      });
    },
    close() {
      if (failure !== null) return Promise.resolve();
      closing = true;
      return new Promise((resolve) => {
        worker.once('exit', () => resolve());
        worker.postMessage('close');
      });
    },
  };
}

function toError(answer: Extract<Answer, { error: string }>): Error {
  const error = answer.storeFailed ? new LedgerUnavailableError(answer.error) : new Error(answer.error);
  if (answer.stack !== undefined) error.stack = answer.stack;
  return error;
}
