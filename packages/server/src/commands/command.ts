/** One command of the program, as its help and its parser need it. */
export interface Command {
  /** As typed: `keys create`. */
  readonly name: string;
  readonly summary: string;
  /** What there is to know beyond the summary, for its own help. */
  readonly details?: string;
  /** Names of what stands without a flag; all of them are needed. */
  readonly operands?: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  run(invocation: Invocation): Promise<Outcome>;
}

export interface Option {
  /** What to call its value in the help; a flag without one is a switch. */
  readonly value?: string;
  readonly help: string;
  readonly required?: boolean;
}

/** A command as it was called. */
export interface Invocation {
  readonly options: Readonly<Record<string, string | undefined>>;
  readonly operands: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tells people, on standard error, what goes on; nothing reads it. */
  readonly report: (text: string) => void;
}

/** What a command came to: a text for people, and the same facts for programs, which get them with `--json`. */
export interface Outcome {
  readonly text: string;
  readonly facts?: unknown;
  /** It ran, and the answer is no. */
  readonly failed?: boolean;
}

/** Of every command that answers and ends. */
export const JSON_OPTION: Readonly<Record<string, Option>> = {
  json: { help: 'print the result as JSON' },
};

export const FORCE_OPTION: Readonly<Record<string, Option>> = {
  force: { help: 'replace what is there' },
};

export const DATA_OPTION: Readonly<Record<string, Option>> = {
  data: { value: 'FOLDER', help: 'where the embedded store is  (BILLINGOS_DATA, default .billingos)' },
};

export const LISTEN_OPTIONS: Readonly<Record<string, Option>> = {
  port: { value: 'PORT', help: 'where to listen; 0 picks a free port  (PORT, default 4242)' },
  host: { value: 'HOST', help: 'the address to listen on  (HOST, default 127.0.0.1)' },
};

/** What the command was asked for cannot be done; the message says why, and what to do about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
