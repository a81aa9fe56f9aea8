// Three gradients of one loss, each after a mark in the verbose log on stderr.
import { writeSync } from 'node:fs';
import * as L from '../../../lib/index.js';
import { narrow } from '../training.js';

const model = L.modelFromSpec(narrow, 1).eval();
const x = L.rand([2, 16, 16, 3], { seed: 2, requiresGrad: true });
const labels = L.tensor(Int32Array.of(3, 5));

async function section(name: string, input: L.Tensor, xs: (loss: L.Tensor) => void): Promise<void> {
  const loss = L.crossEntropy(model.forward(input), labels);
  await L.device().synchronize();
  writeSync(2, `# ${name}\n`);
  xs(loss);
  await L.device().synchronize();
}

await section('input', x, (loss) => L.grad(loss, [x]));
await section('weights', x.detach(), (loss) => loss.backward());
const head = [...model.parameters()].slice(-2);
await section('last layer', x, (loss) => L.grad(loss, head));
