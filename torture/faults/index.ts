import type { Fault } from '../fault.ts';
import { browsers } from './browsers.ts';
import { clockSteps } from './clock-steps.ts';
import { diskFull } from './disk-full.ts';
import { duplicates } from './duplicates.ts';
import { firstStart } from './first-start.ts';
import { killPostgres } from './kill-postgres.ts';
import { killSqlite } from './kill-sqlite.ts';
import { limitRace } from './limit-race.ts';
import { lostAnswers } from './lost-answers.ts';
import { clientNetwork, databaseNetwork } from './network.ts';
import { postgresShutdown } from './postgres-shutdown.ts';
import { primaryLost } from './primary-lost.ts';
import { rollingRestart } from './rolling-restart.ts';
import { simulation } from './simulation.ts';
import { soak, soakSqlite } from './soak.ts';
import { stopped } from './stopped.ts';
import { twoOnSqlite } from './two-on-sqlite.ts';
import { twoStarters } from './two-starters.ts';
import { unsynced } from './unsynced.ts';

/** Every fault, in the order of the matrix. */
export const FAULTS: readonly Fault[] = [
  killSqlite,
  killPostgres,
  rollingRestart,
  stopped,
  postgresShutdown,
  primaryLost,
  firstStart,
  twoStarters,
  twoOnSqlite,
  diskFull,
  clientNetwork,
  databaseNetwork,
  lostAnswers,
  duplicates,
  limitRace,
  clockSteps,
  unsynced,
  browsers,
  soak,
  soakSqlite,
  simulation,
];
