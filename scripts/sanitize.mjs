// Runs tests on an addon built with AddressSanitizer and UndefinedBehaviorSanitizer (g++), in a copy of the sources, so that
// the ordinary build stays. Not part of .ci/run: the build takes some minutes.
//
//   npm run test:sanitize                             the whole suite
//   npm run test:sanitize -- test/kernels test/engine parts of it
//
// Tests get ten times as long as usual. Everything in native/ is built anew only where it has changed.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './stamp.mjs';

const copy = join(tmpdir(), 'lapidary-sanitize');
mkdirSync(copy, { recursive: true });
for (const part of ['native', 'scripts', 'binding.gyp', 'package.json']) {
  cpSync(join(root, part), join(copy, part), { recursive: true, preserveTimestamps: true });
}
rmSync(join(copy, 'node_modules'), { force: true }); // it may lead to another checkout
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

const flags = '-fsanitize=address,undefined -fno-sanitize-recover=undefined -g1 -O1';
const run = (command, args, cwd, env) => {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) process.exit(status ?? 1);
};
run(process.execPath, ['scripts/install.mjs'], copy, {
  CXXFLAGS: flags,
  LDFLAGS: '-fsanitize=address,undefined',
});

// Left out: resident memory says nothing here, as the sanitizer keeps what is freed.
const exclude = ['--exclude', '**/memory-growth*'];
// The runtime must be there before Node's own allocator; V8 keeps memory until the end, so leaks are not looked for.
const library = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
const tests = process.argv.slice(2);
run('npx', ['vitest', 'run', '--testTimeout=600000', '--hookTimeout=600000', ...exclude, ...tests], root, {
  LAPIDARY_ADDON: join(copy, 'build/Release/lapidary.node'),
  LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
  ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
});
