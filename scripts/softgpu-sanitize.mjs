// Builds softgpu under sanitizers (g++) and runs its C++ tests, the programs and the planted faults. Not part of .ci/run:
// each build takes some minutes.
//
//   npm run test:softgpu:sanitize                 address,undefined, then thread
//   npm run test:softgpu:sanitize -- thread       one of them
//
// Under `thread` the tests are those in which host threads meet, and blocks are spread over four. What blocks do to one
// word of device memory is the emulated program's business (softgpu-thread.supp).
// The programs need nvcc (NVCC names another one); without it they are left out, and that is said.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compileKernels, kernelFolder, nvccVersion } from './softgpu-kernels.mjs';
import { root } from './stamp.mjs';

const processor = process.arch === 'x64' ? ['-DSOFTGPU_MARCH=x86-64-v3'] : [];
// A host that dereferences a device pointer must die as it would have: SIGSEGV is softgpu's, not the sanitizer's. Leaks
// are not looked for: the driver keeps its objects until the process ends.
const kinds = {
  'address,undefined': {
    folder: 'build/softgpu-address',
    tests: () => listTests(),
    env: {
      ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  },
  thread: {
    folder: 'build/softgpu-thread',
    tests: () => ['device_memory_test', 'driver_test', 'graph_test', 'order_test'],
    env: {
      SOFTGPU_THREADS: '4',
      TSAN_OPTIONS: `handle_segv=0:second_deadlock_stack=1:suppressions=${join(root, 'scripts/softgpu-thread.supp')}`,
    },
  },
};

function listTests() {
  return ['driver', 'image', 'isa', 'memory', 'ptx'].flatMap((folder) =>
    readdirSync(join(root, 'cuda/softgpu', folder))
      .filter((name) => name.endsWith('_test.cpp'))
      .map((name) => name.slice(0, -'.cpp'.length)),
  );
}

let failed = 0;
function run(command, args, env = {}) {
  console.log(`softgpu: ${[command, ...args].join(' ')}`);
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.stderr.write(`softgpu: ${command} ended with ${status ?? signal}\n`);
  return status === 0;
}

function check(kind) {
  const { folder, tests, env } = kinds[kind];
  const configured = run('cmake', [
    '-S',
    'cuda/softgpu',
    '-B',
    folder,
    `-DSOFTGPU_SANITIZE=${kind}`,
    ...processor,
  ]);
  if (!configured || !run('cmake', ['--build', folder, '--parallel', '2'])) process.exit(1);
  for (const test of tests()) if (!run(join(folder, test), [], env)) failed++;
  if (version === null) return;
  const programs = ['--kernels', kernelFolder, '--all', '--seeds', '2'];
  const library = { LAPIDARY_CUDA_DRIVER: join(root, folder, 'libsoftgpu.so') };
  if (!run(join(folder, 'softgpu_programs'), programs, { ...env, ...library })) failed++;
}

const wanted = process.argv.slice(2);
for (const kind of wanted) {
  if (kind in kinds) continue;
  console.error(`softgpu: no sanitizer is called ${kind}: choose from ${Object.keys(kinds).join(' ')}`);
  process.exit(2);
}
const version = await nvccVersion();
if (version === null) {
  console.log('softgpu: no nvcc on PATH (or in NVCC): the programs and planted faults are NOT tested');
} else {
  try {
    await compileKernels(version);
  } catch (error) {
    console.error(`softgpu: ${error.message}`);
    process.exit(1);
  }
}
for (const kind of wanted.length > 0 ? wanted : Object.keys(kinds)) check(kind);
process.exitCode = failed > 0 ? 1 : 0;
