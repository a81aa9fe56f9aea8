/** `lapidary doctor`: what this machine offers, and what is wrong. Works without the addon, to say why it is missing. */

import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';

import type { Command } from 'commander';

import { LapidaryError } from '../../errors.js';
import { formatTable } from '../../report/table.js';
import { addSharedOptions, type CommandResult, runCommand } from '../command.js';
import { cudaFindings } from '../cuda-findings.js';
import type { Finding } from '../finding.js';

const OLDEST_NODE = [20, 17] as const;

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'tell what this machine offers: Node, addon, instruction set, threads, limits, memory, CUDA',
    );
  addSharedOptions(command).action(
    runCommand(async (options) => {
      const findings = [nodeVersion(), ...(await engine()), processors(), ...(await limits()), hostMemory()];
      const faults = findings.filter(({ state }) => state === 'no');
      if (!options.json) {
        const rows = findings.map(({ state, name, value }) => [state, name, value]);
        process.stdout.write(`${formatTable({ columns: ['', 'what', 'found'], rows })}\n`);
      }
      if (faults.length > 0) {
        throw new LapidaryError(
          `lapidary cannot work here: ${faults.map(({ name, value }) => `${name}: ${value}`).join('; ')}`,
        );
      }
      return asResult(findings);
    }),
  );
}

function asResult(findings: readonly Finding[]): CommandResult {
  return Object.fromEntries(findings.map(({ name, value, state }) => [name, { value, state }]));
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const old = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const wanted = old ? `; ${OLDEST_NODE.join('.')} or newer is needed` : '';
  return {
    name: 'Node',
    value: `${process.versions.node} on ${process.platform}-${process.arch}${wanted}`,
    state: old ? 'no' : 'ok',
  };
}

async function engine(): Promise<Finding[]> {
  try {
    const [{ addon }, { device, memory }] = await Promise.all([
      import('../../native-addon.js'),
      import('../../device.js'),
    ]);
    const { isa, isas, threads, build } = addon.engine();
    return [
      { name: 'addon', value: `build ${build}`, state: 'ok' },
      {
        name: 'instruction set',
        value: `${isa} (of ${isas.join(', ')})`,
        state: isa === 'base' ? 'note' : 'ok',
      },
      { name: 'threads in use', value: String(threads), state: 'ok' },
      { name: 'tensor memory limit', value: gigabytes(memory().limit), state: 'ok' },
      ...cudaFindings(addon.cudaSurvey()),
      cuda(() => device('cuda')),
    ];
  } catch (error) {
    return [{ name: 'addon', value: error instanceof Error ? error.message : String(error), state: 'no' }];
  }
}

function cuda(open: () => unknown): Finding {
  try {
    return { name: 'CUDA', value: String(open()), state: 'ok' };
  } catch (error) {
    return { name: 'CUDA', value: error instanceof Error ? error.message : String(error), state: 'note' };
  }
}

function processors(): Finding {
  const model = cpus()[0]?.model ?? 'unknown';
  return { name: 'processor', value: `${model}, ${availableParallelism()} usable`, state: 'ok' };
}

/** Limits of the control group (version 2), which a container or a batch system sets. */
async function limits(): Promise<Finding[]> {
  const [quota, period] = (await readIfThere('/sys/fs/cgroup/cpu.max')).split(' ');
  const memoryMax = await readIfThere('/sys/fs/cgroup/memory.max');
  const slurm = process.env.SLURM_CPUS_PER_TASK;
  const cores = Number(quota) / Number(period);
  return [
    { name: 'cgroup processors', value: Number.isFinite(cores) ? cores.toFixed(2) : 'no limit', state: 'ok' },
    {
      name: 'cgroup memory',
      value: Number(memoryMax) > 0 ? gigabytes(Number(memoryMax)) : 'no limit',
      state: 'ok',
    },
    ...(slurm === undefined ? [] : [{ name: 'SLURM_CPUS_PER_TASK', value: slurm, state: 'ok' } as const]),
  ];
}

function hostMemory(): Finding {
  return { name: 'memory', value: `${gigabytes(freemem())} free of ${gigabytes(totalmem())}`, state: 'ok' };
}

async function readIfThere(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
