/** A long-lived process that does the same work in another framework, one JSON object a line each way. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../lib/io/safetensors.js';
import { startState, type Work, type Workload } from './workloads/workload.js';

/** Settings that some machines have for other programs. */
const foreignSettings = ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'];
/** Keeps glibc from returning memory after every step, and from mapping each large tensor afresh. */
const tunedMalloc = {
  MALLOC_TOP_PAD_: String(256 * 2 ** 20),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
};

/** Which peer, and how it runs. */
export interface PeerOptions {
  readonly framework: 'pytorch' | 'onnxruntime';
  readonly threads: number;
  /** PyTorch: of model and images. */
  readonly layout: 'channels_last' | 'contiguous';
  /** PyTorch: by torch.compile, which needs a C++ compiler. */
  readonly compile: boolean;
  /** PyTorch: asks for no gradients but those that lapidary computes, where the customary loop makes others as well. */
  readonly neededGradients: boolean;
  readonly tunedMalloc: boolean;
  /** PyTorch: works in float64, as an arbiter between two in float32. */
  readonly double?: boolean;
}

/** What goes to a peer, and what comes back. */
export type Message = Readonly<Record<string, unknown>>;

export class Peer {
  /** What it said of itself; `framework` names it and its version. */
  readonly hello: Message;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, hello: Message) {
    this.#process = process;
    this.#lines = lines;
    this.hello = hello;
  }

  /**
   * Starts the peer of a workload from our weights and inputs, which it reads from `folder`. PyTorch runs in the Python
   * that LAPIDARY_PEER_PYTHON names. Throws when it cannot run.
   */
  static async start(workload: Workload, work: Work, folder: string, options: PeerOptions): Promise<Peer> {
    const start = join(folder, 'start.safetensors');
    await writeSafetensors(start, await startState(work));
    const command =
      options.framework === 'pytorch'
        ? pytorch(workload, start, options)
        : await onnxruntime(workload, work, start, join(folder, 'model.onnx'), options);
    return Peer.launch(command, options.tunedMalloc ? tunedMalloc : {});
  }

  /** Starts a program that says hello and then obeys. Throws with the advice when it cannot run. */
  static async launch(
    [program, programArguments, advice]: Command,
    variables: NodeJS.ProcessEnv = {},
  ): Promise<Peer> {
    const env: NodeJS.ProcessEnv = { ...process.env, ...variables };
    for (const name of foreignSettings) delete env[name];
    const child = spawn(program, programArguments, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stderr.pipe(process.stderr);
    child.stdin.on('error', () => {}); // told by the line that does not come
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    const reader: Interface = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    try {
      const hello = await Promise.race([nextMessage(lines), failed]);
      return new Peer(child, lines, hello);
    } catch (error) {
      child.kill();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Could not start the peer: ${reason}. ${advice}.`);
    }
  }

  /** Milliseconds that so many steps took; `outputs` names a file for what the last one computed. */
  async run(steps: number, outputs?: string): Promise<number> {
    return Number((await this.ask({ command: 'run', steps, outputs: outputs ?? null })).ms);
  }

  /** Writes to a file what the workload compares besides the outputs of its steps. */
  async probe(outputs: string): Promise<void> {
    await this.ask({ command: 'probe', outputs });
  }

  /** The most memory since it was ready, above what it had before it made the model; and processor time so far. */
  async usage(): Promise<{ peakMb: number; cpuMs: number }> {
    const { peak_mb, cpu_ms } = await this.ask({ command: 'usage' });
    return { peakMb: Number(peak_mb), cpuMs: Number(cpu_ms) };
  }

  close(): void {
    this.#process.stdin.end();
  }

  async ask(message: Message): Promise<Message> {
    this.#process.stdin.write(`${JSON.stringify(message)}\n`);
    return nextMessage(this.#lines);
  }
}

/** How a peer is started, and what to do when that fails. */
export type Command = readonly [program: string, programArguments: readonly string[], advice: string];

function pytorch({ name, settings }: Workload, start: string, options: PeerOptions): Command {
  const flags = { layout: options.layout, threads: options.threads, settings: JSON.stringify(settings) };
  const [program, programArguments, advice] = pythonPeer(`${name}.py`, [
    start,
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    ...(options.compile ? ['--compile'] : []),
    ...(options.neededGradients ? ['--needed-gradients'] : []),
    ...(options.double ? ['--double'] : []),
  ]);
  return [program, programArguments, `${advice}, or leave the peer out (--no-peer)`];
}

/** A script of bench/peers/ in the Python that LAPIDARY_PEER_PYTHON names. */
export function pythonPeer(script: string, scriptArguments: readonly string[]): Command {
  return [
    process.env.LAPIDARY_PEER_PYTHON || 'python3',
    [peerFile(script), ...scriptArguments],
    'Point LAPIDARY_PEER_PYTHON to a Python that has torch 2.13 and numpy',
  ];
}

async function onnxruntime(
  { name }: Workload,
  work: Work,
  start: string,
  model: string,
  { threads }: PeerOptions,
): Promise<Command> {
  if (work.exportOnnx === undefined) {
    throw new RangeError(`Expected a workload of inference for onnxruntime, got '${name}'.`);
  }
  await work.exportOnnx(model);
  return [
    process.execPath,
    [...process.execArgv, peerFile('onnxruntime.ts'), start, model, String(threads)],
    'Install onnxruntime-node as docs/interchange.md says, or leave the peer out (--no-peer)',
  ];
}

const peerFile = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url));

async function nextMessage(lines: AsyncIterator<string>): Promise<Message> {
  const { value, done } = await lines.next();
  if (done) throw new Error('it ended without an answer');
  const message = JSON.parse(value) as Message;
  if (typeof message.error === 'string') throw new Error(message.error);
  return message;
}
