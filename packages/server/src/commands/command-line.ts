import { parseArgs } from 'node:util';
import type { Command, Invocation } from './command.ts';

/** Called in a way that it does not understand; the message says what to type instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What a command line asks for: a command to run, or help on some of them. */
export type Asked =
  | { kind: 'help'; commands: readonly Command[] }
  | { kind: 'run'; command: Command; json: boolean; invocation: Pick<Invocation, 'options' | 'operands'> };

/** @throws UsageError for whatever is not in the table. */
export function readCommandLine(args: readonly string[], commands: readonly Command[]): Asked {
  const wantsHelp = args.includes('--help') || args.includes('-h') || args[0] === 'help';
  const words = (args[0] === 'help' ? args.slice(1) : args).filter((word) => !/^(--help|-h)$/.test(word));
  if (words.length === 0) return { kind: 'help', commands };
  const command = commands.find(({ name }) => startsWith(words, name));
  if (wantsHelp) {
    const group = commands.filter(({ name }) => name === command?.name || name.startsWith(`${words[0]} `));
    return {
      kind: 'help',
      commands: command !== undefined ? [command] : group.length > 0 ? group : commands,
    };
  }
  if (command === undefined) throw unknownCommand(words, commands);
  const { options, operands } = readArguments(words.slice(command.name.split(' ').length), command);
  return { kind: 'run', command, json: options['json'] !== undefined, invocation: { options, operands } };
}

function startsWith(words: readonly string[], name: string): boolean {
  return name.split(' ').every((word, index) => word === words[index]);
}

function unknownCommand([first = '', second]: readonly string[], commands: readonly Command[]): UsageError {
  const group = commands.map(({ name }) => name).filter((name) => name.startsWith(`${first} `));
  if (group.length === 0) return new UsageError(`There is no command "${first}". See billingos --help.`);
  const there = group.map((name) => `billingos ${name}`).join(', ');
  return new UsageError(
    second === undefined || second.startsWith('-')
      ? `"${first}" needs a second word: ${there}.`
      : `There is no command "${first} ${second}". There is: ${there}.`,
  );
}

function readArguments(args: string[], command: Command): Pick<Invocation, 'options' | 'operands'> {
  const { name, options, operands = [] } = command;
  const seeHelp = `See billingos ${name} --help.`;
  const { values, positionals } = parse(args, command, seeHelp);
  const missing = Object.keys(options).filter((key) => options[key]?.required && values[key] === undefined);
  if (missing.length > 0) {
    throw new UsageError(
      `billingos ${name} needs ${missing.map((key) => `--${key}`).join(', ')}. ${seeHelp}`,
    );
  }
  if (positionals.length < operands.length) {
    throw new UsageError(
      `billingos ${name} needs ${operands.slice(positionals.length).join(', ')}. ${seeHelp}`,
    );
  }
  const [extra] = positionals.slice(operands.length);
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many. ${seeHelp}`);
  const given = Object.entries(values).map(([key, value]) => [key, value === true ? '' : String(value)]);
  return { options: Object.fromEntries(given) as Record<string, string>, operands: positionals };
}

function parse(args: string[], { options }: Command, seeHelp: string) {
  const types = Object.entries(options).map(
    ([key, { value }]) =>
      [key, { type: value === undefined ? ('boolean' as const) : ('string' as const) }] as const,
  );
  try {
    return parseArgs({ args, allowPositionals: true, options: Object.fromEntries(types) });
  } catch (error) {
    // The first sentence says what is wrong; the others explain how to write the wrong thing right.
    const [fault = ''] = error instanceof Error ? error.message.split(/\.(?:\s|$)/) : [];
    throw new UsageError(`${fault}. ${seeHelp}`);
  }
}
