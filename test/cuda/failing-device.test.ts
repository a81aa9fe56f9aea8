// What a process sees of a device whose kernel has done something illegal, and of an image that is none.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../temporary-folder.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const nvcc = process.env.NVCC || 'nvcc';

/** Runs a module's text in a process of its own with another kernel image; resolves with its output. */
async function runWithImage(image: string, script: string): Promise<{ stdout: string; stderr: string }> {
  const source = `import * as L from '${root}lib/index.ts';\n${script}`;
  return run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    cwd: root,
    env: { ...process.env, LAPIDARY_CUDA_IMAGE: image, SOFTGPU_QUIET: '1' },
  });
}

it('fails the device, not the process, when a kernel writes where it must not', async () => {
  const folder = await temporaryFolder();
  const options = ['-std=c++20', '-Icuda', '-Inative', '-no-compress', '-fatbin'];
  const code = ['-gencode', 'arch=compute_80,code=compute_80'];
  const fatbin = join(folder, 'fill.fatbin');
  await run(nvcc, [...options, ...code, 'test/cuda/planted/fill.cu', '-o', fatbin], { cwd: root });
  const image = join(folder, 'image.fatbin');
  await run('tar', ['cf', image, '-C', folder, 'fill.fatbin']);
  const { stdout } = await runWithImage(
    image,
    `
    L.useDevice('cuda');
    const say = (error) => console.log(error instanceof L.DeviceError, error.message);
    const x = L.full([8], 3);
    await x.data().catch(say);
    await L.device().synchronize().catch(say);
    try { L.full([8], 3).dataSync(); } catch (error) { say(error); }
    L.useDevice('cpu');
    console.log(L.full([2], 3).dataSync().join());
    `,
  );
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(4);
  for (const line of lines.slice(0, 3))
    expect(line).toMatch(/^true .*has failed: CUDA_ERROR_.* start the process again/);
  expect(lines[3]).toBe('3,3');
});

it('refuses an image that is cut off, and one that is missing, with what to do', async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'image.fatbin');
  await writeFile(image, 'no tar');
  const script = "try { L.device('cuda'); } catch (error) { console.log(error.code, error.message); }";
  expect((await runWithImage(image, script)).stdout).toMatch(
    /^ERR_DEVICE .*is no kernel image.*npm run build:cuda/,
  );
  const missing = join(folder, 'missing.fatbin');
  expect((await runWithImage(missing, script)).stdout).toMatch(
    /^ERR_DEVICE .*no kernel image at .*npm run build:cuda/,
  );
});
