import process from 'node:process';

/** Loaded into a server through NODE_OPTIONS: at each SIGUSR2 its clock steps to the next of CLOCK_OFFSETS_MS. */

const offsets = (process.env['CLOCK_OFFSETS_MS'] ?? '').split(',').map(Number);
const now = Date.now;
let offset = 0;

Date.now = () => now() + offset;
process.on('SIGUSR2', () => (offset = offsets.shift() ?? 0));
