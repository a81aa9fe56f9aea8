// Tests softgpu: builds it and the programs' host side, compiles the programs' kernels and runs test/softgpu.
//
//   npm run test:softgpu                 everything
//   npm run test:softgpu -- faults       files whose name contains "faults"
//
// The kernels need nvcc (NVCC names another one). Without it the tests of programs and faults are left out, and that is
// said. LAPIDARY_CUDA_DRIVER=libcuda.so.1 runs the programs on a GPU.
import { spawnSync } from 'node:child_process';
import { compileKernels, kernelFolder, nvccVersion } from './softgpu-kernels.mjs';
import { root } from './stamp.mjs';

function run(command, args, env = {}) {
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  process.stderr.write(`softgpu: ${command} ${args[0]} ended with ${status ?? signal}\n`);
  process.exit(status ?? 1);
}

run('npm', ['run', '--silent', 'build:softgpu']);

const exclude = [];
const version = await nvccVersion();
if (version === null) {
  console.log('softgpu: no nvcc on PATH (or in NVCC): the programs and planted faults are NOT tested');
  exclude.push('--exclude', '**/programs.test.ts', '--exclude', '**/faults.test.ts');
} else {
  try {
    const { compiled, total } = await compileKernels(version);
    console.log(`softgpu: ${compiled} of ${total} kernel files compiled`);
  } catch (error) {
    console.error(`softgpu: ${error.message}`);
    process.exit(1);
  }
}

run(
  'npx',
  [
    'vitest',
    'run',
    '--config',
    'vitest.softgpu.config.ts',
    '--passWithNoTests',
    ...exclude,
    ...process.argv.slice(2),
  ],
  {
    SOFTGPU_KERNELS: kernelFolder,
  },
);
