// Tests softgpu, and over it the CUDA backend.
//
//   npm run test:softgpu                 everything, under one schedule seed
//   npm run test:softgpu -- faults       files whose name contains "faults"
//   npm run test:softgpu -- --full       the backend under three seeds
//
// First softgpu's own: it and the programs' host side are built, the programs' kernels compiled, test/softgpu is run. Then
// lapidary on softgpu: the kernel image is built as PTX with line information (into build/softgpu, so that build/cuda stays
// what it is), and test/kernels, test/ops and test/cuda are run on the device `cuda`.
//
// Kernels need nvcc (NVCC names another one). Without it only softgpu's library is tested, and that is said.
// LAPIDARY_CUDA_DRIVER=libcuda.so.1 runs programs and backend on a GPU.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildKernelImage } from './build-cuda.mjs';
import { compileKernels, kernelFolder, nvccVersion } from './softgpu-kernels.mjs';
import { listFiles } from './sources.mjs';
import { root } from './stamp.mjs';

const { values: options, positionals: filters } = parseArgs({
  options: { full: { type: 'boolean' } },
  allowPositionals: true,
});

/** Runs a command; whether it succeeded. */
function succeeds(command, args, env = {}) {
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status === 0) return true;
  process.stderr.write(`softgpu: ${command} ${args.slice(0, 4).join(' ')} ended with ${status ?? signal}\n`);
  process.exitCode = status ?? 1;
  return false;
}

function build(script) {
  if (!succeeds('npm', ['run', '--silent', script])) throw new Error(`${script} failed`);
}

/** Whether the filters leave a test file in these folders. */
function chosen(...folders) {
  const files = folders.flatMap((folder) =>
    listFiles(folder, { accept: (path) => path.endsWith('.test.ts') }),
  );
  return files.some((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
}

function vitest(config, env, more = []) {
  return succeeds('npx', ['vitest', 'run', '--config', config, ...more, ...filters], env);
}

async function testSoftgpu(version) {
  if (!chosen('test/softgpu')) return;
  const exclude = [];
  if (version === null) {
    exclude.push('--exclude', '**/programs.test.ts', '--exclude', '**/faults.test.ts', '--passWithNoTests');
  } else {
    const { compiled, total } = await compileKernels(version);
    console.log(`softgpu: ${compiled} of ${total} kernel files compiled`);
  }
  vitest('vitest.softgpu.config.ts', { SOFTGPU_KERNELS: kernelFolder }, exclude);
}

function testBackend() {
  if (!chosen('test/kernels', 'test/ops', 'test/cuda')) return;
  build('build:native');
  const image = buildKernelImage({ out: 'build/softgpu/image', architectures: [], lineInfo: true });
  const leftOut = join(root, 'build/softgpu/left-out.txt');
  rmSync(leftOut, { force: true });
  for (const seed of options.full ? ['1', '2', '3'] : ['1']) {
    console.log(`softgpu: the backend under schedule seed ${seed}`);
    vitest('vitest.cuda.config.ts', {
      LAPIDARY_CUDA_DRIVER: process.env.LAPIDARY_CUDA_DRIVER || join(root, 'build/softgpu/libsoftgpu.so'),
      LAPIDARY_CUDA_IMAGE: image,
      LAPIDARY_TEST_DEVICE: 'cuda',
      LAPIDARY_TEST_LEFT_OUT: leftOut,
      SOFTGPU_SEED: seed,
      // Test files run side by side, one a processor.
      SOFTGPU_THREADS: process.env.SOFTGPU_THREADS || '1',
    });
  }
  if (!existsSync(leftOut)) {
    console.log('softgpu: no problem was left out for its size');
    return;
  }
  const problems = new Set(readFileSync(leftOut, 'utf8').trimEnd().split('\n'));
  console.log(`softgpu: left out for their size, tested on the CPU only (${problems.size}):`);
  for (const problem of [...problems].sort()) console.log(`  ${problem}`);
}

try {
  if (!chosen('test/softgpu', 'test/kernels', 'test/ops', 'test/cuda')) {
    throw new Error(`expected a part of a test file's name, got ${filters.join(', ')}`);
  }
  build('build:softgpu');
  const version = await nvccVersion();
  await testSoftgpu(version);
  if (version !== null) testBackend();
  else
    console.log(
      'softgpu: no nvcc on PATH (or in NVCC): programs, planted faults and the CUDA backend are NOT tested',
    );
} catch (error) {
  console.error(`softgpu: ${error.message}`);
  process.exitCode = 1;
}
