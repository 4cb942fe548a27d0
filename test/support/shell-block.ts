import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from './packed.ts';
import { billingos } from './program.ts';

/** Blocks of shell commands in documents, against the programs that they call. */

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** The variables that it finds in its environment. */
  readonly variables: readonly string[];
}

/** The shell finds no program at all, so that it hands over every command as it has understood it. */
const LISTENER = `
PATH=/nowhere
cd() { OLDPWD=$PWD; }
command_not_found_handle() {
  local IFS=$'\\t'
  printf '%s\\n' "$*" "$(compgen -e)" '' >&3
}
exec 3>&1 >/dev/null
`;
/** Stands for the end of a block, where what it has exported can be seen. */
const END = 'end-of-block';
const SHELLS_OWN = ['OLDPWD', 'PATH', 'PWD', 'SHLVL', '_'];

/** The commands of a block as the shell reads them, and last its end. */
export function commandsOf(code: string): Command[] {
  // One after the other, or their words would mix.
  const inTurn = code.replaceAll(/ &$/gm, '');
  const heard = execFileSync('bash', ['--norc', '-euc', `${LISTENER}${inTurn}\n${END}`], {
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
    // Over a socket it would take itself for a remote shell and read its settings.
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return heard
    .split('\n\n')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [words = '', ...variables] = entry.split('\n');
      const [program = '', ...args] = words.split('\t');
      return { program, args, variables: variables.filter((name) => !SHELLS_OWN.includes(name)) };
    });
}

/** What a command names and does not find; a program that nobody here knows is missing itself. */
export async function missingFor({ program, args, ...rest }: Command): Promise<string[]> {
  if (program === 'sudo') {
    const [asked = '', ...theirs] = args.slice(args.indexOf('--') + 1);
    return missingFor({ program: asked, args: theirs, ...rest });
  }
  if (program === 'billingos') return missingForBillingos(args);
  if (program === 'npm') return missingForNpm(args);
  if (program === 'systemctl') return missingFiles(`docs/self-hosting/${args[1]}.service`);
  return ['date', 'mkdir', 'node', END].includes(program) ? [] : [program];
}

async function missingForBillingos(args: readonly string[]): Promise<string[]> {
  const overview = await helpOf('');
  const commands = Array.from(
    overview.matchAll(/^ {2}billingos ([a-z]+(?: [a-z]+)?)/gm),
    ([, command = '']) => command,
  );
  const command = commands.find((known) => `${args.join(' ')} `.startsWith(`${known} `));
  if (command === undefined) return [`billingos ${args.join(' ')}`];
  const help = await helpOf(command);
  return args.filter((arg) => arg.startsWith('--') && !help.includes(`  ${arg} `));
}

const helps = new Map<string, Promise<string>>();

function helpOf(command: string): Promise<string> {
  const known = helps.get(command);
  if (known !== undefined) return known;
  const words = command.split(' ').filter((word) => word !== '');
  const help = billingos([...words, '--help']).then(({ stdout }) => stdout);
  helps.set(command, help);
  return help;
}

interface PackageFile {
  name: string;
  version: string;
  scripts?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

function missingForNpm([command = '', ...args]: readonly string[]): string[] {
  const folders = ['.', ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`)];
  const packages = folders.map(
    (folder) => JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as PackageFile,
  );
  const { scripts = {}, devDependencies = {} } = packages[0] ?? {};
  const tarballs = packages.map(
    ({ name, version }) => `${name.replace('@', '').replace('/', '-')}-${version}.tgz`,
  );
  const known: Record<string, readonly string[]> = {
    ci: [],
    init: [],
    start: [],
    test: [],
    run: Object.keys(scripts),
    pack: packages.map(({ name }) => name),
    install: [
      ...tarballs,
      ...tarballs.map((file) => file.replace(/-[\d.]+tgz$/, '-*.tgz')),
      ...Object.keys(devDependencies),
    ],
  };
  const names = known[command];
  if (names === undefined) return [`npm ${command}`];
  return args
    .filter((arg) => !arg.startsWith('-'))
    .map((arg) => (arg.endsWith('.tgz') ? basename(arg) : arg))
    .filter((arg) => !names.includes(arg));
}

function missingFiles(path: string): string[] {
  return existsSync(join(ROOT, path)) ? [] : [path];
}
