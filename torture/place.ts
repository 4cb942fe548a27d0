import { billingos, startServe, type Environment, type ServeProcess } from '../test/support/program.ts';
import { pricedStore } from '../test/support/priced-store.ts';
import type { Scene } from './fault.ts';

/** Where a server runs, and another one after it. */
export class Place {
  readonly #env: Environment;
  readonly #cli: string | undefined;
  #server: ServeProcess;

  private constructor(env: Environment, cli: string | undefined, server: ServeProcess) {
    this.#env = env;
    this.#cli = cli;
    this.#server = server;
  }

  static async open(env: Environment, cli?: string): Promise<Place> {
    return new Place(env, cli, await startServe([], env, cli));
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  get url(): string {
    return this.#server.url;
  }

  /** `kill -9`, until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#server.ended;
  }

  /** Starts the next server. @returns how long until it served, in milliseconds. */
  async restart(): Promise<number> {
    const began = performance.now();
    this.#server = await startServe([], this.#env, this.#cli);
    return performance.now() - began;
  }

  /** Asks it to stop, and waits until it has. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    await this.#server.ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#server.signal(signal);
  }
}

/** Servers on one store, and the tenant whose usage is tracked. */
export interface Site {
  readonly env: Environment;
  readonly secretKey: string;
  readonly places: readonly Place[];
  /** Where the next request goes: to each server in turn. */
  readonly nextUrl: () => string;
}

/**
 * @param store names the store, which may be new. It is verified when the servers are gone.
 * @param cli another build of the program.
 */
export async function openSite(
  scene: Scene,
  store: Environment,
  servers: number,
  cli?: string,
): Promise<Site> {
  const env = { ...DEFAULTS, ...store };
  scene.atEnd(() => verify(scene, env));
  const places = await Promise.all(Array.from({ length: servers }, () => Place.open(env, cli)));
  for (const place of places) scene.atEnd(() => place.kill());
  const { secretKey } = await pricedStore(env);
  let turn = 0;
  return { env, secretKey, places, nextUrl: () => places[(turn += 1) % servers]?.url ?? '' };
}

/** A load is no customer of whom a limit of requests would keep anything off. */
const DEFAULTS = { BILLINGOS_RATE_LIMIT: '0', BILLINGOS_LOG: 'error' };

async function verify(scene: Scene, env: Environment): Promise<void> {
  const { stdout, stderr } = await billingos(['verify', '--json'], env);
  if (stdout === '') {
    scene.expect('store', [`verify ended with ${stderr}`]);
    return;
  }
  const { counters, differences } = JSON.parse(stdout) as { counters: number; differences: object[] };
  scene.expect(
    'store',
    differences.map((one) => JSON.stringify(one)),
    counters,
  );
}
