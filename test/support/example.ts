import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { startDevProcess, temporaryFolder, type DevProcess } from './dev-server.ts';
import { FaultProxy } from './fault-proxy.ts';
import { pack, ROOT } from './packed.ts';

/** Where `npm start` puts the API, as the examples have it. */
const API_URL = 'http://127.0.0.1:4242';
const DEPENDENCIES = { '@billingos/sdk': 'file:../..', '@billingos/node': 'file:../../packages/node' };

/** An example as a reader runs it, with packages as they are published, beside an API of its own. */
export class RunningExample {
  /** The commands that its README gives first. */
  readonly commands: string;
  readonly path: string;
  readonly api: DevProcess;
  /** What stands between the example and the API, and sees what goes through. */
  readonly proxy: FaultProxy;
  /** Where the example listens. */
  url = '';
  readonly #folders: ReturnType<typeof temporaryFolder>[];
  #process: ChildProcess | undefined;

  private constructor(parts: {
    folders: ReturnType<typeof temporaryFolder>[];
    path: string;
    api: DevProcess;
    proxy: FaultProxy;
  }) {
    this.#folders = parts.folders;
    this.path = parts.path;
    this.api = parts.api;
    this.proxy = parts.proxy;
    this.commands = firstCommandsIn(readFileSync(join(this.path, 'README.md'), 'utf8'));
  }

  /** Copies an example, and runs what its README says. */
  static async start(name: string): Promise<RunningExample> {
    const [project, data] = [temporaryFolder(), temporaryFolder()];
    const api = await startDevProcess(data.path);
    const proxy = await FaultProxy.start(api.url);
    const { path } = project;
    cpSync(join(ROOT, 'examples', name), path, { recursive: true, filter: isSource });
    replaceIn(path, new Map([[API_URL, proxy.url], ['sk_test_…', api.secretKey], ...packedInto(path)]));
    const example = new RunningExample({ folders: [project, data], path, api, proxy });
    try {
      await example.run(example.commands);
    } catch (error) {
      await example.stop();
      throw error;
    }
    return example;
  }

  /** Runs commands of which the last one serves the example, in place of what has served it. */
  async run(commands: string): Promise<void> {
    await this.#end();
    const port = await freePort();
    // A group of its own, so that a server ends with the npm that has started it.
    const child = spawn('sh', ['-ec', commands], {
      cwd: this.path,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PORT: String(port), NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1' },
    });
    this.#process = child;
    this.url = await urlToldBy(child);
  }

  async stop(): Promise<void> {
    await this.#end();
    await this.proxy.stop();
    await this.api.stop();
    for (const folder of this.#folders) folder.remove();
  }

  async #end(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    process.kill(-child.pid);
    await closed;
  }
}

function isSource(path: string): boolean {
  return !['node_modules', '.next', 'dist'].includes(basename(path));
}

/** The tarballs of what an example depends on, by what it calls them. */
function packedInto(path: string): [string, string][] {
  const manifest = readFileSync(join(path, 'package.json'), 'utf8');
  return Object.entries(DEPENDENCIES)
    .map(([name, folder]) => [name, `"${name}": "${folder}"`] as const)
    .filter(([, wanted]) => manifest.includes(wanted))
    .map(([name, wanted]) => [wanted, `"${name}": "file:${pack(name, path)}"`]);
}

function replaceIn(path: string, replacements: ReadonlyMap<string, string>): void {
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.tgz')) continue;
    const file = join(entry.parentPath, entry.name);
    let text = readFileSync(file, 'utf8');
    for (const [from, to] of replacements) text = text.replaceAll(from, to);
    writeFileSync(file, text);
  }
}

function firstCommandsIn(readme: string): string {
  const [, commands] = /```sh\n(.*?)```/s.exec(readme) ?? [];
  if (commands === undefined) throw new Error('The README has no commands.');
  return commands;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function urlToldBy(child: ChildProcess): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk.toString();
      const [url] = /http:\/\/localhost:\d+/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`The example ended with ${code}:\n${output}`)));
  });
}
