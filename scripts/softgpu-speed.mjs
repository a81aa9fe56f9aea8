// Measures softgpu: lane instructions a second on a tiled f32 GEMM, by checks and worker threads.
//
//   npm run bench:softgpu [-- N]     N x N matrices, default 1024; needs nvcc
//
// Each row is a fresh process; the rate is that of the fastest of five launches. Run it on an idle machine.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compileKernels, kernelFolder, nvccVersion } from './softgpu-kernels.mjs';
import { root } from './stamp.mjs';

const build = join(root, 'build/softgpu');

function measure(n, checks, threads) {
  const { status, stdout, stderr } = spawnSync(join(build, 'softgpu_speed'), [kernelFolder, String(n)], {
    encoding: 'utf8',
    env: {
      ...process.env,
      LAPIDARY_CUDA_DRIVER: join(build, 'libsoftgpu.so'),
      SOFTGPU_CHECKS: checks,
      SOFTGPU_THREADS: String(threads),
    },
  });
  if (status !== 0) throw new Error(stderr);
  const { seconds, counters } = JSON.parse(stdout);
  const { lanes, launches, flops } = counters.sgemm;
  const perLaunch = Object.values(lanes).reduce((sum, count) => sum + count, 0) / launches;
  return {
    rate: perLaunch / Math.min(...seconds) / 1e6,
    gflops: flops / launches / Math.min(...seconds) / 1e9,
  };
}

const n = Number(process.argv[2] ?? 1024);
const version = await nvccVersion();
if (version === null) {
  console.error('bench:softgpu: the kernel needs nvcc on PATH (or in NVCC)');
  process.exit(1);
}
spawnSync('npm', ['run', '--silent', 'build:softgpu'], { cwd: root, stdio: 'inherit' });
await compileKernels(version);

console.log(`softgpu, f32 GEMM ${n} x ${n} x ${n} in 128 x 128 tiles`);
console.log('checks                     threads   M lane instr/s   a thread   GFLOP/s');
const names = { on: 'all', memory: 'without races', off: 'bounds and alignment only' };
for (const [checks, name] of Object.entries(names)) {
  for (const threads of new Set([1, availableParallelism()])) {
    const { rate, gflops } = measure(n, checks, threads);
    const cells = [
      rate.toFixed(0).padStart(14),
      (rate / threads).toFixed(0).padStart(8),
      gflops.toFixed(2).padStart(7),
    ];
    console.log(`${name.padEnd(26)} ${String(threads).padStart(7)}   ${cells.join('   ')}`);
  }
}
