import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addSharedOptions, runCommand, runProgram, type SharedOptions } from '../../lib/cli/command.js';
import { AbortedError, ArgumentError, CheckpointError, ConfigError } from '../../lib/errors.js';

let stdout: string[];
let stderr: string[];
let exitCode: typeof process.exitCode;

beforeEach(() => {
  [stdout, stderr] = [[], []];
  exitCode = process.exitCode;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => stdout.push(String(text)) > 0);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => stderr.push(String(text)) > 0);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = exitCode;
});

type Action = Parameters<typeof runCommand>[0];

async function run(argv: string[], action: Action = async () => undefined) {
  const program = new Command('lapidary');
  const train = addSharedOptions(new Command('train')).argument('[name]').action(runCommand(action));
  program.addCommand(train);
  await runProgram(program, argv);
  return { code: process.exitCode, out: stdout.join(''), err: stderr.join('') };
}

const lastJson = (out: string): unknown => JSON.parse(out.trimEnd().split('\n').at(-1)!);

it('hands over options and arguments', async () => {
  let seen: [SharedOptions, string[]] | undefined;
  const argv =
    'train x --set a=1 --set b.c=[2] --threads 4 --seed 0 --device cpu --data cifar10:/d --out r --resume';
  const { code } = await run(argv.split(' '), async (options, positionals) => {
    seen = [options, positionals];
  });
  expect(code).toBe(0);
  expect(seen).toEqual([
    {
      set: ['a=1', 'b.c=[2]'],
      threads: 4,
      seed: 0,
      device: 'cpu',
      data: 'cifar10:/d',
      out: 'r',
      resume: true,
      json: false,
      quiet: false,
    },
    ['x'],
  ]);
});

describe('outcomes', () => {
  it('prints the result on the last line with --json alone', async () => {
    const action: Action = async () => {
      process.stdout.write('a table for people\n');
      return { accuracy: 0.5 };
    };
    const { code, out } = await run(['train', '--json'], action);
    expect(code).toBe(0);
    expect(lastJson(out)).toEqual({ ok: true, result: { accuracy: 0.5 } });
    stdout = [];
    expect((await run(['train'], action)).out).toBe('a table for people\n');
  });

  it.each([
    [new CheckpointError('no sound checkpoint'), 1, 'ERR_CHECKPOINT'],
    [new ConfigError('unknown key x'), 2, 'ERR_CONFIG'],
    [new ArgumentError('no such data set'), 2, 'ERR_ARGUMENT'],
    [new AbortedError('stopped at step 5', { resumable: true }), 75, 'ERR_ABORTED'],
    [new AbortedError('stopped'), 1, 'ERR_ABORTED'],
    [new TypeError('a bug'), 1, 'ERR_UNEXPECTED'],
    ['text', 1, 'ERR_UNEXPECTED'],
  ])('turns %s into exit code %i', async (error, expected, code) => {
    const outcome = await run(['train', '--json'], async () => {
      throw error;
    });
    const message = error instanceof Error ? error.message : error;
    expect(outcome.code).toBe(expected);
    expect(outcome.err).toBe(`${message}\n`);
    expect(lastJson(outcome.out)).toEqual({ ok: false, error: { code, message } });
  });

  it('prints the stack with LAPIDARY_DEBUG=1', async () => {
    vi.stubEnv('LAPIDARY_DEBUG', '1');
    const { err } = await run(['train'], async () => {
      throw new CheckpointError('broken');
    });
    expect(err).toMatch(/^CheckpointError: broken\n {4}at /);
  });

  it('catches what is thrown at once', async () => {
    const { code } = await run(['train'], () => {
      throw new CheckpointError('broken');
    });
    expect(code).toBe(1);
  });
});

describe('wrong usage', () => {
  it.each([
    [['trian'], /unknown command 'trian'/],
    [['train', '--epoch', '3'], /unknown option '--epoch'/],
    [['train', '--threads', '0'], /whole number of at least 1/],
    [['train', '--seed', 'x'], /whole number of at least 0/],
    [['train', '--device', 'tpu'], /Allowed choices are auto, cpu, cuda/],
    [['train', 'a', 'b'], /too many arguments/],
    [['train', '--out'], /argument missing/],
    [[], /Usage: lapidary/],
  ])('%j exits with 2 and never runs', async (argv, message) => {
    const action = vi.fn(async () => undefined);
    const { code, out, err } = await run(argv, action);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(out).toBe('');
    expect(action).not.toHaveBeenCalled();
  });

  it('is told as JSON too', async () => {
    const { code, out } = await run(['train', '--epoch', '3', '--json']);
    expect(code).toBe(2);
    expect(lastJson(out)).toEqual({
      ok: false,
      error: { code: 'ERR_USAGE', message: "unknown option '--epoch'" },
    });
  });

  it('is not asking for help', async () => {
    const { code, out } = await run(['train', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('--set <key=value>');
  });
});
