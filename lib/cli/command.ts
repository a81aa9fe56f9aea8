/**
 * What all commands share: options, exit codes, and how an outcome is told, to a person or (`--json`) to a program.
 */

import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import type { Precision } from '../device.js';
import { AbortedError, ArgumentError, ConfigError, LapidaryError } from '../errors.js';

/** The exit codes of every command. */
export const EXIT_CODES = {
  done: 0,
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Stopped by a signal after a checkpoint: the same command with `--resume` continues. */
  resumable: 75,
} as const;

/** The values of the options that `addSharedOptions` adds. */
export interface SharedOptions {
  config?: string;
  set: string[];
  /** `kind:path`, as in `cifar10:/data/cifar-10-batches-bin`. */
  data?: string;
  device: 'auto' | 'cpu' | 'cuda';
  precision?: Precision;
  threads?: number;
  seed?: number;
  out?: string;
  resume: boolean;
  json: boolean;
  /** No progress on stderr. */
  quiet: boolean;
}

/** What a command hands to a program that asked for `--json`: plain data, without NaN or infinities. */
export type CommandResult = Readonly<Record<string, unknown>>;

/** Adds the options that every command has. Returns the same command. */
export function addSharedOptions(command: Command): Command {
  return command
    .option('--config <file>', 'YAML file with the configuration')
    .option('--set <key=value>', 'override one key, as in train.epochs=10 (repeatable)', collect, [])
    .option('--data <kind:path>', 'data set')
    .addOption(
      new Option('--device <device>', 'where to compute').choices(['auto', 'cpu', 'cuda']).default('auto'),
    )
    .addOption(
      new Option('--precision <precision>', 'how exact convolutions are').choices(['default', 'strict']),
    )
    .option('--threads <count>', 'CPU threads', parseInteger(1))
    .option('--seed <number>', 'seed of all random numbers', parseInteger(0))
    .option('--out <folder>', 'run folder to write')
    .option('--resume', 'continue the run in --out from its newest checkpoint', false)
    .option('--json', 'print the outcome as one JSON object on the last line of stdout', false)
    .option('--quiet', 'no progress on stderr', false);
}

/**
 * Wraps what a command does into an action for commander: `command.action(runCommand(fn))`.
 *
 * `fn` gets the options (`O` = the shared ones and the command's own) and the positional arguments; what it returns
 * is the `result` printed with `--json`. The outcome sets `process.exitCode` (see `EXIT_CODES`): a thrown `ConfigError`
 * or `ArgumentError` is wrong usage, an `AbortedError` with `resumable` is 75, any other error is a failure.
 * An error prints as its message; with LAPIDARY_DEBUG=1 as its stack. The action itself never throws.
 */
export function runCommand<O extends SharedOptions = SharedOptions>(
  fn: (options: O, positionals: string[]) => Promise<CommandResult | undefined> | Promise<void>,
): (this: Command) => Promise<void> {
  return async function action(this: Command) {
    const options = this.optsWithGlobals<O>();
    try {
      const result = await fn(options, this.args);
      if (options.json) printJson({ ok: true, result: result ?? {} });
      process.exitCode = EXIT_CODES.done;
    } catch (error) {
      reportFailure(error, options.json);
    }
  };
}

/**
 * Parses the command line and runs the command it names.
 *
 * Sets `process.exitCode`: 2 for an unknown command or option, a missing argument or a bad value; 0 after `--help` and
 * `--version`; otherwise what the command's action set.
 *
 * @param argv the arguments alone, without node and script: `process.argv.slice(2)`
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  throwInsteadOfExit(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) reportFailure(error, wantsJson(argv));
    else if (error.exitCode === 0) process.exitCode = EXIT_CODES.done;
    else {
      // commander itself has told the person on stderr.
      if (wantsJson(argv)) printJson(failureOf('ERR_USAGE', usageMessage(error)));
      process.exitCode = EXIT_CODES.usage;
    }
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) throwInsteadOfExit(subcommand);
}

function reportFailure(error: unknown, json: boolean): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const eraseBar = process.stderr.isTTY ? '\r\x1b[K' : '';
  process.stderr.write(`${eraseBar}${process.env.LAPIDARY_DEBUG === '1' ? (stack ?? message) : message}\n`);
  if (json) printJson(failureOf(codeOf(error), message));
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof AbortedError && error.resumable) return EXIT_CODES.resumable;
  if (error instanceof ConfigError || error instanceof ArgumentError) return EXIT_CODES.usage;
  return EXIT_CODES.failed;
}

function codeOf(error: unknown): string {
  return error instanceof LapidaryError ? error.code : 'ERR_UNEXPECTED';
}

function failureOf(code: string, message: string): CommandResult {
  return { ok: false, error: { code, message } };
}

function usageMessage(error: CommanderError): string {
  return error.code === 'commander.help'
    ? 'A command is needed; see --help.'
    : error.message.replace(/^error: /, '');
}

/** Whether `--json` was asked for on a command line that could not be parsed. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}

function printJson(value: CommandResult): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function parseInteger(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}
