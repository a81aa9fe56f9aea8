/** Tensors and networks in the formats of other programs, and the folders of runs. */

export { toChannelsFirst } from './graph/channels-first.js';
export { exportOnnx, exportPyTorch, layerGraph } from './graph/export.js';
export type { Layer, LayerGraph, LayerOperation, LayerValue } from './graph/layer-graph.js';
export { ONNX_OPSET, type OnnxOptions, toOnnx, writeOnnx } from './graph/onnx.js';
export { type PyTorchOptions, type PyTorchSource, toPyTorch } from './graph/pytorch.js';
export { type TracedCall, type TracedGraph, type TracedValue, trace } from './graph/trace.js';
export type { HostTensor } from './host-tensor.js';
export { readNpz, writeNpz } from './npz.js';
export { readTorchFile, type TorchReadOptions } from './pickle/torch-file.js';
export { type MetricsRecord, RunFolder } from './run-folder.js';
export { type RunResult, readRunResult } from './run-result.js';
export {
  readSafetensors,
  type SafetensorsContent,
  type SafetensorsEntry,
  SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
export { readTensorFile, type TensorFileContent, writeTensorFile } from './tensor-file.js';
export {
  eventFiles,
  readEvents,
  type TensorBoardEvent,
  TensorBoardLog,
  type TensorBoardValue,
} from './tensorboard.js';
