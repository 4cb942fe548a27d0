/** Lets Node read this repository's TypeScript, in worker threads too: `node --import ./scripts/typescript.js`. */
import { register } from 'tsx/esm/api';

register();
