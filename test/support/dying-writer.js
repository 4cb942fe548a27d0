import process from 'node:process';
import { isMainThread, parentPort } from 'node:worker_threads';

/** Loaded into a server through NODE_OPTIONS: the thread that writes its store ends when it is to write an event. */
if (!isMainThread)
  parentPort?.on('message', (/** @type {{ method?: string }} */ { method }) => {
    if (method === 'track') process.exit(7);
  });
