/** A long-lived Python process that does the same work in another framework, one JSON object a line each way. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** Settings that some machines have for other programs. */
const foreignSettings = ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'];
/** Keeps glibc from returning memory after every step, and from mapping each large tensor afresh. */
const tunedMalloc = {
  MALLOC_TOP_PAD_: String(256 * 2 ** 20),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 32),
  MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20),
};

export interface PeerOptions {
  readonly tunedMalloc: boolean;
}

type Message = Readonly<Record<string, unknown>>;

export class Peer {
  /** What it said of itself. */
  readonly hello: Message;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, hello: Message) {
    this.#process = process;
    this.#lines = lines;
    this.hello = hello;
  }

  /** Starts a script by the Python that LAPIDARY_PEER_PYTHON names. Throws when it cannot run there. */
  static async start(
    script: string,
    scriptArguments: readonly string[],
    options: PeerOptions,
  ): Promise<Peer> {
    const python = process.env.LAPIDARY_PEER_PYTHON || 'python3';
    const env: NodeJS.ProcessEnv = { ...process.env, ...(options.tunedMalloc ? tunedMalloc : {}) };
    for (const name of foreignSettings) delete env[name];
    const child = spawn(python, [script, ...scriptArguments], { env, stdio: ['pipe', 'pipe', 'pipe'] });
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
      throw new Error(
        `Could not start the peer: ${error instanceof Error ? error.message : String(error)}. ` +
          'Point LAPIDARY_PEER_PYTHON to a Python that has torch 2.13 and numpy, or leave the peer out (--no-peer).',
      );
    }
  }

  async ask(message: Message): Promise<Message> {
    this.#process.stdin.write(`${JSON.stringify(message)}\n`);
    return nextMessage(this.#lines);
  }

  close(): void {
    this.#process.stdin.end();
  }
}

async function nextMessage(lines: AsyncIterator<string>): Promise<Message> {
  const { value, done } = await lines.next();
  if (done) throw new Error('it ended without an answer');
  const message = JSON.parse(value) as Message;
  if (typeof message.error === 'string') throw new Error(message.error);
  return message;
}
