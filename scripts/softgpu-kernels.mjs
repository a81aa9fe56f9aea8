// Compiles the kernels of cuda/softgpu/programs with nvcc into build/softgpu/programs, two at a time, and only those
// whose source, options or compiler changed.
//
// A line `// nvcc: OPTIONS` in a .cu adds options; -fatbin there gives NAME.fatbin with uncompressed PTX instead of
// NAME.ptx.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './stamp.mjs';

const run = promisify(execFile);
const nvcc = process.env.NVCC || 'nvcc';
const sources = 'cuda/softgpu/programs';
export const kernelFolder = join(root, 'build/softgpu/programs');
const jobs = 2;

/** What `nvcc --version` says; null when there is no nvcc. */
export async function nvccVersion() {
  try {
    return (await run(nvcc, ['--version'])).stdout;
  } catch {
    return null;
  }
}

function listOf(folder, extension) {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => `${folder}/${name}`);
}

function commandOf(file, text) {
  const extra = /^\/\/ nvcc: (.*)$/m.exec(text)?.[1].split(' ') ?? [];
  const fatbin = extra.includes('-fatbin');
  const output = `${basename(file, '.cu')}.${fatbin ? 'fatbin' : 'ptx'}`;
  const format = fatbin
    ? ['-gencode', 'arch=compute_80,code=compute_80', '-no-compress']
    : ['-arch=compute_80', '-ptx'];
  // -G has the lines already, and refuses to be told so.
  const lines = extra.includes('-G') ? [] : ['-O3', '-lineinfo'];
  return { output, options: ['-std=c++17', ...format, ...lines, ...extra] };
}

/** Compiles what changed; returns how many files that were and how many there are. Throws with nvcc's messages. */
export async function compileKernels(version) {
  mkdirSync(kernelFolder, { recursive: true });
  const record = join(kernelFolder, 'hashes.json');
  const known = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : {};
  const headers = listOf(sources, '.cuh').map((file) => readFileSync(join(root, file), 'utf8'));
  const hashes = {};
  const queue = [];
  const folders = [sources, `${sources}/faults`, `${sources}/speed`];
  const files = folders.flatMap((folder) => listOf(folder, '.cu'));
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    const { output, options } = commandOf(file, text);
    const hash = createHash('sha256')
      .update(JSON.stringify([version, root, file, options, text, headers]))
      .digest('hex');
    if (known[output] === hash && existsSync(join(kernelFolder, output))) hashes[output] = hash;
    else queue.push({ file, output, options, hash });
  }
  for (const stale of readdirSync(kernelFolder)) {
    if (/\.(ptx|fatbin)$/.test(stale) && hashes[stale] === undefined) rmSync(join(kernelFolder, stale));
  }

  const compiled = queue.length;
  const failures = [];
  async function worker() {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      try {
        await run(nvcc, [...job.options, job.file, '-o', join(kernelFolder, job.output)], { cwd: root });
        hashes[job.output] = job.hash;
      } catch (error) {
        failures.push(`${job.file}\n${error.stderr ?? error.message}`);
      }
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker));
  writeFileSync(record, JSON.stringify(hashes));
  if (failures.length > 0) throw new Error(failures.join('\n'));
  return { compiled, total: files.length };
}
