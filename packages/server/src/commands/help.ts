import type { Command, Option } from './command.ts';

const HEADING = 'billingos: the BillingOS usage API';
const HELP_OPTION: Option = { help: 'this text' };

/** One command in full, or a list of several. */
export function helpText(commands: readonly Command[]): string {
  const [command, ...others] = commands;
  return command !== undefined && others.length === 0 ? commandHelp(command) : overview(commands);
}

function overview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [`billingos ${synopsis(command)}`, command.summary] as const);
  return `${HEADING}

${columns(rows)}

Each has its own --help. Exit codes: 0 done, 1 failed, 2 asked for in a way that cannot be understood.
`;
}

function commandHelp(command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP_OPTION }).map(
    ([key, option]) => [flag(key, option), option.help] as const,
  );
  return [
    `billingos ${synopsis(command)}\n`,
    `${command.summary}\n`,
    ...(command.details === undefined ? [] : [`${command.details}\n`]),
    `Options\n${columns(rows)}\n`,
  ].join('\n');
}

function synopsis({ name, operands = [], options }: Command): string {
  const required = Object.entries(options).filter(([, option]) => option.required === true);
  return [name, ...required.map(([key, option]) => flag(key, option)), ...operands].join(' ');
}

function flag(key: string, { value }: Option): string {
  return value === undefined ? `--${key}` : `--${key} ${value}`;
}

/** Rows of text in columns, indented. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
