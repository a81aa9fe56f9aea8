// Runs clang-tidy over native/core, native/ops, native/bindings, native/cuda and part of softgpu, or over the files given, one process a
// core. Of softgpu: not driver/, which takes as long as all the others, nor isa/, whose vectors only g++ understands.
// CLANG_TIDY names another clang-tidy (14 or newer).
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { listSources } from './sources.mjs';
import { root } from './stamp.mjs';

const clangTidy = process.env.CLANG_TIDY || 'clang-tidy';
const { include_dir: nodeAddonApi } = createRequire(import.meta.url)('node-addon-api');

function findNodeInclude() {
  for (const executable of [process.execPath, realpathSync(process.execPath)]) {
    const include = join(dirname(dirname(executable)), 'include/node');
    if (existsSync(join(include, 'node_api.h'))) return include;
  }
  const directory = process.env.npm_config_nodedir;
  return directory ? join(directory, 'include/node') : null;
}

const nodeInclude = findNodeInclude();
const flags = ['-std=c++20', '-Wno-psabi', '-Inative', '-Icuda', '-isystem', join(root, nodeAddonApi)];
if (nodeInclude !== null) flags.push('-isystem', nodeInclude);
flags.push('-DNAPI_VERSION=9', '-DNAPI_CPP_EXCEPTIONS', '-DNODE_ADDON_API_DISABLE_DEPRECATED');
flags.push('-DLAPIDARY_VERSION="0"', '-DBUILDING_NODE_EXTENSION', '-DLAPIDARY_ISA=base', '-DLAPIDARY_VLEN=4');
if (process.arch === 'x64') flags.push('-DLAPIDARY_HAVE_X86_ISAS=1');

function check(file) {
  const child = spawn(clangTidy, ['--quiet', file, '--', ...flags], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    if (!/^\d+ warnings?( and \d+ errors?)? generated|^Suppressed|^Use -header/.test(String(data)))
      output += data;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ok: code === 0, output }));
  });
}

const given = process.argv.slice(2);
const softgpu = ['check', 'image', 'machine', 'memory', 'ptx'].map((folder) => `cuda/softgpu/${folder}`);
const files =
  given.length > 0
    ? given
    : [
        ...listSources(['native/core/**', 'native/ops/**', 'native/bindings/**', 'native/cuda/**']),
        ...listSources(softgpu).filter((file) => !file.endsWith('_test.cpp')),
      ];
const queue = [...files];
const failed = [];
async function worker() {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const { ok, output } = await check(file);
    if (!ok) {
      failed.push(file);
      console.log(`${file}\n${output.trim()}\n`);
    }
  }
}

try {
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  console.log(`clang-tidy: ${files.length} files, ${failed.length} with complaints`);
  process.exitCode = failed.length > 0 ? 1 : 0;
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
  console.error(`tidy: ${clangTidy} is not installed (Debian: apt-get install -y clang-tidy)`);
  process.exitCode = 1;
}
