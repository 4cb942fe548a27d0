import { setFlagsFromString } from 'node:v8';
import { createContext, runInContext } from 'node:vm';

/** Loaded into servers whose memory is watched: garbage that nothing has collected yet would look like growth. */

const EVERY_MS = 15_000;

setFlagsFromString('--expose-gc');
const context = createContext();
setInterval(() => void runInContext('gc()', context), EVERY_MS).unref();
