/**
 * Single convolutions in lapidary beside PyTorch (channels_last), alternately in one run; see docs/performance.md.
 *
 *     node --import tsx bench/convolutions.ts ["conv2d_fprop N=32 …" …] [--file convolutions] [--rounds 5] [--threads 2] [--pause 50]
 *
 * Ours is the kernel alone, on memory that is there, its filter packed (what that took stands beside it: a training step pays it
 * once). PyTorch's is a call of the operator: it allocates its result, and hands the filter to oneDNN as it lies.
 */

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type BenchCase, caseText, parseCaseArguments, readCases } from '../lib/bench/bench-case.js';
import { type CaseOperands, drawOperands, runOnCopies } from '../lib/bench/operands.js';
import { device } from '../lib/device.js';
import type { HostTensor } from '../lib/io/host-tensor.js';
import { readSafetensors, writeSafetensors } from '../lib/io/safetensors.js';
import { addon } from '../lib/native-addon.js';
import { requireAgreement } from './agreement.js';
import { wholeNumber } from './arguments.js';
import { describeMachine, notIdle, watchOthers } from './machine.js';
import { Peer, pythonPeer } from './peer.js';
import { spread } from './statistics.js';

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    file: { type: 'string', default: 'convolutions' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    pause: { type: 'string', default: '50' },
  },
});
const rounds = wholeNumber('rounds', given.rounds, 1);
const threads = wholeNumber('threads', given.threads, 1);
const pause = wholeNumber('pause', given.pause, 0);
/** Of each side's turn. */
const turnMs = 60;
/** In norm; Winograd on our side, whatever oneDNN takes on the other. */
const tolerance = 1e-5;

const cases = positionals.length > 0 ? parseCaseArguments(positionals) : await readCases(given.file);
device().setThreads(threads);
const machine = await describeMachine();
const warning = notIdle(machine);
if (warning !== null) console.warn(`warning: ${warning}`);
const peer = await Peer.launch(pythonPeer('convolutions.py', ['--threads', String(threads)]));
console.log(`${machine.cpu}; ${machine.isa}, ${threads} threads; ${peer.hello.framework}`);
console.log('    ours ms      pack    peer ms  ratio (quartiles: peer / ours)');

const folder = await mkdtemp(join(tmpdir(), 'lapidary-bench-'));
try {
  const { cpuMs: before } = await peer.usage();
  const othersShare = watchOthers();
  for (const benchCase of cases) await compareCase(benchCase);
  const others = othersShare((await peer.usage()).cpuMs - before);
  console.log(`other processes took ${(100 * others).toFixed(1)} % of the cores meanwhile`);
} finally {
  peer.close();
  rmSync(folder, { recursive: true });
}

async function compareCase(benchCase: BenchCase): Promise<void> {
  const { kernel, problem } = benchCase;
  const implementation = addon.kernelImplementations(kernel, problem).find(({ refusal }) => refusal === '')!;
  const name = `${implementation.isa}:${implementation.name}`;
  const drawn = drawOperands(benchCase);
  const operands = join(folder, 'operands.safetensors');
  const outputs = join(folder, 'outputs.safetensors');
  const fields = fieldsOf(problem);
  await writeSafetensors(operands, hostTensors(drawn, drawn.values, 'in', fields));
  await peer.ask({ command: 'prepare', kernel, problem: fields, operands, outputs });
  const [[, ours] = []] = hostTensors(drawn, runOnCopies(benchCase, drawn, name), 'out', fields);
  const { tensors } = await readSafetensors(outputs);
  requireAgreement(new Map([['output', ours!]]), tensors, { output: tolerance });

  const oursMs: number[] = [];
  const packMs: number[] = [];
  const peerMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const turns = [
      () => {
        const times = addon.timeKernel(kernel, problem, name, [...drawn.values], 12, turnMs, 0);
        oursMs.push(spread([...times.runs]).median);
        packMs.push(times.packMs);
      },
      async () => {
        const { ms } = await peer.ask({ command: 'run', least_ms: turnMs });
        peerMs.push(spread(ms as number[]).median);
      },
    ];
    if (round % 2 === 1) turns.reverse();
    for (const turn of turns) {
      await sleep(pause);
      await turn();
    }
  }
  const column = (ms: readonly number[]): string => spread(ms).median.toFixed(3).padStart(10);
  const ratio = spread(peerMs.map((ms, round) => ms / oursMs[round]!));
  console.log(
    `${column(oursMs)}${column(packMs)} ${column(peerMs)}  ${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} to ` +
      `${ratio.high.toFixed(2)})  ${caseText(benchCase)}  ${name}`,
  );
}

function fieldsOf(problem: string): Record<string, number> {
  return Object.fromEntries(
    problem
      .split(' ')
      .map((word) => word.split('='))
      .map(([key, value]) => [key!, Number(value)]),
  );
}

/** Operands of a role with the shapes that they have as tensors. */
function hostTensors(
  { operands }: CaseOperands,
  values: readonly (ArrayLike<number> | null)[],
  role: string,
  fields: Readonly<Record<string, number>>,
): Map<string, HostTensor> {
  const field = (name: string, otherwise = 1): number => fields[name] ?? otherwise;
  const outputs = (axis: 'h' | 'w'): number => {
    const [size, taps] = axis === 'h' ? [field('H'), field('R')] : [field('W'), field('S')];
    const covered = field(`dilation_${axis}`) * (taps - 1) + 1;
    return Math.floor((size + 2 * field(`pad_${axis}`, 0) - covered) / field(`stride_${axis}`)) + 1;
  };
  const x = [field('N'), field('H'), field('W'), field('C')];
  const y = [field('N'), outputs('h'), outputs('w'), field('K')];
  const filter = [field('K'), field('R'), field('S'), field('C') / field('groups')];
  const shapes: Readonly<Record<string, number[]>> = { x, dx: x, y, dy: y, filter, dfilter: filter };
  const tensors = new Map<string, HostTensor>();
  for (const [at, operand] of operands.entries()) {
    const shape = shapes[operand.name];
    if (operand.role !== role || operand.count === 0 || shape === undefined) continue;
    tensors.set(operand.name, { dtype: 'f32', shape, data: values[at] as Float32Array<ArrayBuffer> });
  }
  return tensors;
}
