// A step whose loss fails: the verbose log on stderr shows which kernels ran all the same.
import * as L from '../../../lib/index.js';

function functionThatPassesABadLabel(logits: L.Tensor): L.Tensor {
  return L.crossEntropy(logits, L.tensor(Int32Array.of(0, 99)));
}

const logits = L.rand([2, 4], { seed: 1, requiresGrad: true });
const { stepBlock } = L.device();
const rateSlot = stepBlock.allocateSlot();
stepBlock.set(rateSlot, 0.1);
const loss = functionThatPassesABadLabel(logits);
loss.add(L.ones([1])); // binary
loss.backward(); // cross_entropy_backward
L.sgd([logits], [logits.grad!], [], { rateSlot, momentum: 0, decay: 0, nesterov: false });
logits.relu(); // healthy: unary_forward
await loss.item().catch((error: L.LapidaryError) => console.log(error.code, error.message));
await L.device()
  .synchronize()
  .catch((error: L.LapidaryError) => console.log(error.code));
