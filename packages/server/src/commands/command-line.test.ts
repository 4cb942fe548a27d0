import { describe, expect, it } from 'vitest';
import { readCommandLine, UsageError } from './command-line.ts';
import { JSON_OPTION, type Command } from './command.ts';
import { helpText } from './help.ts';

const run = () => Promise.resolve({ text: '' });
const serve: Command = {
  name: 'serve',
  summary: 'run it',
  options: { port: { value: 'PORT', help: 'where to listen' } },
  run,
};
const create: Command = {
  name: 'keys create',
  summary: 'make a key',
  options: { org: { value: 'NAME', help: 'whose', required: true }, ...JSON_OPTION },
  run,
};
const revoke: Command = {
  name: 'keys revoke',
  summary: 'end a key',
  operands: ['ID'],
  options: JSON_OPTION,
  run,
};
const COMMANDS = [serve, create, revoke];

const read = (line: string) =>
  readCommandLine(
    line.split(' ').filter((word) => word !== ''),
    COMMANDS,
  );

describe('a command line', () => {
  it('runs the command that it names, by one word or two', () => {
    expect(read('serve --port 1')).toEqual({
      kind: 'run',
      command: serve,
      json: false,
      invocation: { options: { port: '1' }, operands: [] },
    });
    expect(read('keys create --org=Acme')).toMatchObject({
      command: create,
      invocation: { options: { org: 'Acme' } },
    });
  });

  it('may have its flags before and after what it is about, which may be "-"', () => {
    expect(read('keys revoke --json -')).toMatchObject({ json: true, invocation: { operands: ['-'] } });
    expect(read('keys revoke - --json')).toMatchObject({ json: true, invocation: { operands: ['-'] } });
  });

  it.each([
    ['nothing', 'There is no command "nothing". See billingos --help.'],
    ['--port 1', 'There is no command "--port". See billingos --help.'],
    ['keys', '"keys" needs a second word: billingos keys create, billingos keys revoke.'],
    ['keys make', 'There is no command "keys make". There is: billingos keys create, billingos keys revoke.'],
    ['serve --prt 1', "Unknown option '--prt'. See billingos serve --help."],
    ['serve --port', "Option '--port <value>' argument missing. See billingos serve --help."],
    ['serve --json', "Unknown option '--json'. See billingos serve --help."],
    ['serve now', '"now" is one word too many. See billingos serve --help.'],
    ['keys create', 'billingos keys create needs --org. See billingos keys create --help.'],
    [
      'keys create --org A --json=1',
      "Option '--json' does not take an argument. See billingos keys create --help.",
    ],
    ['keys revoke', 'billingos keys revoke needs ID. See billingos keys revoke --help.'],
  ])('%s is answered by what to type instead', (line, message) => {
    expect(() => read(line)).toThrow(new UsageError(message));
  });

  it.each(['', '--help', '-h', 'help', '--help nothing'])('"%s" asks for help on everything', (line) => {
    expect(read(line)).toEqual({ kind: 'help', commands: COMMANDS });
  });

  it.each(['keys create --help', 'help keys create', 'keys create --org -h', '--help keys create'])(
    '"%s" asks for help on one command',
    (line) => {
      expect(read(line)).toEqual({ kind: 'help', commands: [create] });
    },
  );

  it('asks for help on a group', () => {
    expect(read('keys --help')).toEqual({ kind: 'help', commands: [create, revoke] });
  });
});

describe('help', () => {
  it('on one command names its flags and what they are for', () => {
    expect(helpText([create])).toBe(`billingos keys create --org NAME

make a key

Options
  --org NAME  whose
  --json      print the result as JSON
  --help      this text
`);
  });

  it('on several lists them with what they cannot do without', () => {
    expect(helpText(COMMANDS)).toContain(`
  billingos serve                   run it
  billingos keys create --org NAME  make a key
  billingos keys revoke ID          end a key
`);
  });
});
