/**
 * Inference by onnxruntime-node, for workloads that export their network as ONNX. It obeys as protocol.py says.
 *
 * Arguments: start.safetensors, model.onnx, threads. The package is that of test/interchange.
 */

import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { SafetensorsFile, writeSafetensors } from '../../lib/io/safetensors.js';
import { resetPeak, residentMb } from '../machine.js';

/** The part of onnxruntime-node that is used here; it is no dependency of this package. */
interface OnnxRuntime {
  readonly env: { readonly versions: { readonly node: string } };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(path: string, options: object): Promise<OnnxSession>;
  };
}
interface OnnxTensor {
  readonly data: Float32Array<ArrayBuffer>;
  readonly dims: readonly number[];
}
interface OnnxSession {
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
}

const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const [start, model, threads] = process.argv.slice(2) as [string, string, string];

async function serve(): Promise<void> {
  const require = createRequire(new URL('../../test/interchange/package.json', import.meta.url));
  const runtime = require('onnxruntime-node') as OnnxRuntime;
  const file = await SafetensorsFile.open(start);
  const images = await file.read('input.images');
  await file.close();
  const idleMb = residentMb('VmRSS');
  const session = await runtime.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const [n, h, w, c] = images.shape as [number, number, number, number];
  const input = new runtime.Tensor('float32', channelsFirst(images.data as Float32Array, n, h * w, c), [
    n,
    c,
    h,
    w,
  ]);
  resetPeak();

  say({ framework: `onnxruntime-node ${runtime.env.versions.node}`, threads: Number(threads) });
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, steps, outputs } = JSON.parse(line) as {
      command: 'run' | 'usage';
      steps: number;
      outputs: string | null;
    };
    if (command === 'usage') {
      const { user, system } = process.cpuUsage();
      say({ peak_mb: residentMb('VmHWM') - idleMb, cpu_ms: (user + system) / 1000 });
      continue;
    }
    const before = performance.now();
    let result: Readonly<Record<string, OnnxTensor>> = {};
    for (let step = 0; step < steps; step++) result = await session.run({ input });
    const ms = performance.now() - before;
    if (outputs !== null) {
      const { data, dims } = result.logits!;
      await writeSafetensors(outputs, new Map([['logits', { dtype: 'f32', shape: [...dims], data }]]));
    }
    say({ ms });
  }
}

/** [N, pixels, C] -> [N, C, pixels]. */
function channelsFirst(data: Float32Array, n: number, pixels: number, c: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let image = 0; image < n; image++) {
    const offset = image * pixels * c;
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let channel = 0; channel < c; channel++) {
        out[offset + channel * pixels + pixel] = data[offset + pixel * c + channel]!;
      }
    }
  }
  return out;
}

try {
  await serve();
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
