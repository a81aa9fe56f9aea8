// Builds test/native/stress.cpp with the engine's core and the worker pool, without Node, under ThreadSanitizer (g++), and
// runs it. Not part of .ci/run.
//
//   npm run test:tsan                  200 rounds, seeds 1 to 3
//   npm run test:tsan -- 1000 7        so many rounds of one seed
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './stamp.mjs';

const run = (command, args, env) => {
  const { status, signal } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  process.stderr.write(`${command} ended with ${status ?? signal}\n`);
  process.exit(status ?? 1);
};

const folder = join(tmpdir(), 'lapidary-tsan');
mkdirSync(folder, { recursive: true });
const program = join(folder, 'stress');
const sources = [
  'test/native/stress.cpp',
  'native/cpu/pool.cpp',
  ...readdirSync(join(root, 'native/core'))
    .filter((name) => name.endsWith('.cpp'))
    .map((name) => `native/core/${name}`),
];
const flags = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-pthread', '-Inative', '-fsanitize=thread'];
run('g++', [...flags, ...sources, '-ldl', '-o', program]);

const [rounds = '200', seed] = process.argv.slice(2);
for (const each of seed === undefined ? ['1', '2', '3'] : [seed])
  run(program, [rounds, each], { TSAN_OPTIONS: 'halt_on_error=1 second_deadlock_stack=1' });
