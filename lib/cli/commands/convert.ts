/** `lapidary convert`: weights from one kind of file to another. */

import { type Command, InvalidArgumentError } from 'commander';

import { ArgumentError, ConfigError } from '../../errors.js';
import type { HostTensor } from '../../io/host-tensor.js';
import {
  READABLE_ENDINGS,
  readTensorFile,
  requireWritable,
  WRITABLE_ENDINGS,
  writeTensorFile,
} from '../../io/tensor-file.js';
import { modelFromSpec, modelNames, modelSpec } from '../../nn/models/index.js';
import { fromTorchState, toTorchState } from '../../nn/torch-state.js';
import { loadModel, SPEC_KEY, saveModel } from '../../train/model-file.js';
import { addSharedOptions, type CommandResult, runCommand, type SharedOptions } from '../command.js';

interface ConvertOptions extends SharedOptions {
  model?: string;
  key?: string;
  classes?: number;
  mean: number[];
  std: number[];
}

/** Of ImageNet's pixels in [0, 1]: what torchvision's weights expect. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export function addConvertCommand(program: Command): void {
  const command = program
    .command('convert')
    .description('convert weights between PyTorch checkpoints, safetensors, npz and lapidary model files')
    .argument('<in>', `file to read (${READABLE_ENDINGS.join(', ')})`)
    .argument('<out>', `file to write (${WRITABLE_ENDINGS.join(', ')})`)
    .option(
      '--model <name>',
      `read PyTorch weights of this model and write a model file: ${modelNames.join(', ')}`,
    )
    .option('--key <name>', 'the part of a nested checkpoint, as in state_dict or state.model')
    .option('--classes <count>', 'classes of --model (default: as the weights have)', count)
    .option(
      '--mean <numbers>',
      'mean of each channel that --model subtracts, pixels in [0, 1]',
      numbers,
      IMAGENET.mean,
    )
    .option('--std <numbers>', 'deviation of each channel that --model divides by', numbers, IMAGENET.std);
  addSharedOptions(command).action(
    runCommand<ConvertOptions>(async (options, [from, to]) => {
      if (from === undefined || to === undefined) {
        throw new ConfigError('Two files are needed: lapidary convert weights.pth model.safetensors.');
      }
      requireWritable(to);
      const result = await convert(from, to, options);
      if (!options.json)
        process.stdout.write(`${result.tensors} tensors: ${from} -> ${to} (${result.written})\n`);
      return result;
    }),
  );
}

async function convert(from: string, to: string, options: ConvertOptions): Promise<CommandResult> {
  const { tensors, metadata } = await readTensorFile(from, options.key);
  if (metadata[SPEC_KEY] !== undefined) {
    if (options.model !== undefined) {
      throw new ConfigError(
        `${from} is a lapidary model file already, which says its model itself; leave --model out.`,
      );
    }
    using model = await loadModel(from);
    const state = await toTorchState(model);
    await writeTensorFile(to, state);
    return { written: "PyTorch's names and layouts", tensors: state.size, out: to };
  }
  if (options.model === undefined) {
    await writeTensorFile(to, tensors, metadata);
    return { written: 'as they were', tensors: tensors.size, out: to };
  }
  if (!to.toLowerCase().endsWith('.safetensors')) {
    throw new ConfigError(
      `A model file of lapidary ends in .safetensors, got '${to}'; leave --model out for plain weights.`,
    );
  }
  const spec = modelSpec(options.model, {
    classes: options.classes ?? classesOf(tensors, from),
    normalization: { mean: options.mean, std: options.std },
  });
  using model = modelFromSpec(spec, null);
  fromTorchState(model, tensors);
  await saveModel(to, model);
  return { written: `lapidary model ${options.model}`, tensors: tensors.size, out: to };
}

/** The rows of the last matrix by name: in every model of the registry that is the classifier. */
function classesOf(tensors: ReadonlyMap<string, HostTensor>, path: string): number {
  const matrices = [...tensors].filter(([, { shape }]) => shape.length === 2).map(([name]) => name);
  const last = matrices.sort().at(-1);
  const classes = last === undefined ? undefined : tensors.get(last)?.shape[0];
  if (classes !== undefined) return classes;
  throw new ArgumentError(`${path} has no matrix to tell the number of classes by; give --classes.`);
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

function numbers(text: string): number[] {
  const values = text.split(',').map(Number);
  if (text.trim() !== '' && values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError('It must be numbers with commas between, as in 0.485,0.456,0.406.');
}
