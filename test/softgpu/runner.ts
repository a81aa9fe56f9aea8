// softgpu_programs, the executable that holds all programs and planted faults (cuda/softgpu/programs/runner.cpp).
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const build = join(dirname(fileURLToPath(import.meta.url)), '../../build/softgpu');
const program = built('softgpu_programs');
const kernels = process.env.SOFTGPU_KERNELS ?? join(build, 'programs');

function built(name: string): string {
  const path = join(build, name);
  if (!existsSync(path)) throw new Error(`there is no ${path}: run npm run test:softgpu`);
  return path;
}

const driver = process.env.LAPIDARY_CUDA_DRIVER || built('libsoftgpu.so');

const List = z.object({
  programs: z.array(z.string()),
  faults: z.array(z.object({ name: z.string(), check: z.string() })),
});
const Run = z.object({
  program: z.string(),
  seed: z.number(),
  ok: z.boolean(),
  message: z.string(),
  findings: z.array(z.object({ check: z.string(), severity: z.string() })),
  ms: z.number(),
});
export type Run = z.infer<typeof Run>;

/** Names of all programs, and of all faults with the check that must find each. */
export function listPrograms(): z.infer<typeof List> {
  return List.parse(JSON.parse(execFileSync(program, ['--list'], { encoding: 'utf8' })));
}

/** Runs programs or faults; one result a seed. What softgpu prints about findings is in the findings too. */
export function runProgram(...options: string[]): Promise<Run[]> {
  return runProgramIn({}, ...options);
}

/** The same under settings of softgpu, such as SOFTGPU_MMA. */
export function runProgramIn(settings: Record<string, string>, ...options: string[]): Promise<Run[]> {
  const env = { ...process.env, LAPIDARY_CUDA_DRIVER: driver, SOFTGPU_QUIET: '1', ...settings };
  return new Promise((resolve, reject) => {
    execFile(
      program,
      ['--kernels', kernels, ...options],
      { env, encoding: 'utf8' },
      (error, stdout, stderr) => {
        try {
          const runs = stdout.split('\n').filter((line) => line !== '');
          // Exit status 1 says that a run was not ok; its line says why.
          if (error !== null && error.code !== 1) throw new Error(`${error.message}\n${stderr}`);
          if (runs.length === 0) throw new Error(`softgpu_programs ${options.join(' ')}: ${stderr}`);
          resolve(runs.map((line) => Run.parse(JSON.parse(line))));
        } catch (failure) {
          reject(failure);
        }
      },
    );
  });
}
