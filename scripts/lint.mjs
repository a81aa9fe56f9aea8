// Checks the form of everything: biome for TypeScript, JavaScript and JSON; clang-format for C++ and CUDA in native/ and cuda/.
// With --write it rewrites instead. CLANG_FORMAT names another clang-format (14 or newer).
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { listFiles } from './sources.mjs';
import { root } from './stamp.mjs';

const write = process.argv.includes('--write');
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error?.code === 'ENOENT') {
    console.error(`lint: ${command} is not installed (Debian: apt-get install -y clang-format)`);
    return false;
  }
  return result.status === 0;
}

const isNative = (path) => /\.(cpp|cc|h|hpp|cu|cuh)$/.test(path);
const native = ['native', 'cuda'].flatMap((folder) => listFiles(folder, { accept: isNative }));
const results = [
  run(process.execPath, [biome, 'check', '--error-on-warnings', ...(write ? ['--write'] : [])]),
];
if (native.length > 0) {
  results.push(
    run(process.env.CLANG_FORMAT || 'clang-format', [
      ...(write ? ['-i'] : ['--dry-run', '-Werror']),
      ...native,
    ]),
  );
}
process.exitCode = results.every(Boolean) ? 0 : 1;
