// Builds the kernel image, lapidary.fatbin, from cuda/kernels with nvcc (cuda/CMakeLists.txt); only what changed.
//
//   npm run build:cuda                               code for 80, 90, 100 and 120, and PTX for compute_80
//   npm run build:cuda -- --architectures 80,90      code for those
//   npm run build:cuda -- --architectures none       PTX alone, which the driver compiles when it is loaded
//   npm run build:cuda -- --line-info                with source lines, for profilers and softgpu
//   npm run build:cuda -- --out FOLDER               elsewhere than build/cuda; LAPIDARY_CUDA_IMAGE points the addon there
//
// Environment: NVCC, CUDA_HOME (the compiler and its toolkit; nvcc 12.8 or later), JOBS (parallel compilations; default 2).
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './stamp.mjs';

export const shippedArchitectures = ['80', '90', '100', '120'];

/**
 * Builds the image into a folder and returns its path. Throws when cmake or nvcc fail (their words are on stderr), or when
 * a path of this machine got into an image without line information.
 */
export function buildKernelImage({
  out = 'build/cuda',
  architectures = shippedArchitectures,
  lineInfo = false,
} = {}) {
  const folder = resolve(root, out);
  const settings = [
    `-DLAPIDARY_CUDA_ARCHITECTURES=${architectures.join(';')}`,
    `-DLAPIDARY_CUDA_LINE_INFO=${lineInfo ? 'ON' : 'OFF'}`,
  ];
  run('cmake', ['-S', 'cuda', '-B', folder, '--log-level=WARNING', ...settings]);
  run('cmake', ['--build', folder, '--parallel', process.env.JOBS || '2']);
  const image = join(folder, 'lapidary.fatbin');
  if (!lineInfo) refusePaths(image);
  return image;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error?.code === 'ENOENT')
    throw new Error(`${command} is not installed (Debian: apt-get install -y cmake)`);
  if (status !== 0) throw new Error('the kernel image was not built; what failed is above');
}

/** The image goes to other machines: where it was built is nobody's business there, and would make it differ. */
function refusePaths(image) {
  const bytes = readFileSync(image);
  for (const path of new Set([root, realpathSync(root), homedir()])) {
    if (path.length > 1 && bytes.includes(path))
      throw new Error(`${image} holds the path ${path} of this machine`);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { values } = parseArgs({
      options: {
        architectures: { type: 'string' },
        'line-info': { type: 'boolean' },
        out: { type: 'string' },
      },
    });
    const { architectures } = values;
    const began = performance.now();
    const image = buildKernelImage({
      out: values.out,
      lineInfo: values['line-info'],
      architectures: architectures === 'none' ? [] : architectures?.split(/[,;\s]+/),
    });
    const megabytes = (readFileSync(image).length / 1e6).toFixed(1);
    console.log(
      `build:cuda: ${image}, ${megabytes} MB, ${((performance.now() - began) / 1000).toFixed(0)} s`,
    );
  } catch (error) {
    console.error(`build:cuda: ${error.message}`);
    process.exitCode = 1;
  }
}
