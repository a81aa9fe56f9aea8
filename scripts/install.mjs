// The install script: builds the addon with node-gyp from the sources in native/. Uses no network where Node's headers lie
// beside the running Node. Does nothing, and says nothing, when nothing has changed since the last build.
//
//   node scripts/install.mjs            build what changed
//   node scripts/install.mjs --force    build everything again
//
// Environment: CXX (the compiler), CXXFLAGS and LDFLAGS (added to ours), JOBS (parallel compilations; default all cores),
// PYTHON, npm_config_nodedir (a Node installation or source tree whose headers to use).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { listFiles } from './sources.mjs';
import { fileState, hashOf, readStamp, removeStamp, root, underNpx, writeStamp } from './stamp.mjs';

const addon = 'build/Release/lapidary.node';
const builtStamp = 'build/.built.json';
const configuredStamp = 'build/.configured.json';
const require = createRequire(import.meta.url);

/** A failure whose message is all that a reader needs. */
class Failure extends Error {}

function fail(message) {
  throw new Failure(message);
}

/** The folder whose include/node has the headers of the running Node, or null: node-gyp then looks (or downloads) itself. */
function findNodeDirectory() {
  const candidates = [process.env.npm_config_nodedir];
  for (const executable of [process.execPath, realpathSync(process.execPath)]) {
    candidates.push(dirname(dirname(executable)));
  }
  for (const directory of candidates) {
    if (!directory) continue;
    const include = join(directory, 'include', 'node');
    if (!existsSync(join(include, 'node_api.h')) || !existsSync(join(include, 'common.gypi'))) continue;
    const version = join(include, 'node_version.h');
    const major =
      existsSync(version) && /NODE_MAJOR_VERSION\s+(\d+)/.exec(readFileSync(version, 'utf8'))?.[1];
    if (major === process.versions.node.split('.')[0]) return directory;
  }
  return null;
}

/** The version of a package that the build needs. */
function versionOf(name) {
  try {
    return require(`${name}/package.json`).version;
  } catch {
    return fail(`${name} is not installed; run: npm ci`);
  }
}

function findInputs() {
  const { CXX, CPPFLAGS, CXXFLAGS, LDFLAGS } = process.env;
  const settings = {
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    nodeDirectory: findNodeDirectory(),
    napi: versionOf('node-addon-api'),
    gyp: versionOf('node-gyp'),
    environment: [CXX, CPPFLAGS, CXXFLAGS, LDFLAGS],
  };
  const sources = [
    ...listFiles('native'),
    // What host and device share: the parameters of the CUDA kernels.
    ...['cuda/kernels', 'cuda/device'].flatMap((folder) =>
      listFiles(folder, { accept: (path) => path.endsWith('.h') }),
    ),
  ];
  const buildFiles = ['binding.gyp', 'scripts/sources.mjs'];
  return {
    nodeDirectory: settings.nodeDirectory,
    // What the generated makefiles depend on: not on what is written inside the sources.
    configured: hashOf(buildFiles, {
      ...settings,
      root,
      sources: sources.filter((path) => path.endsWith('.cpp')),
    }),
    built: hashOf([...buildFiles, ...sources], settings),
  };
}

function isBuilt(inputs) {
  const stamp = readStamp(builtStamp);
  return stamp.inputs === inputs.built && stamp.addon !== undefined && stamp.addon === fileState(addon);
}

// ---- What a build needs ---------------------------------------------------------------------------------------------

const answers = (command, args, options) =>
  spawnSync(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });

/** The first compiler that compiles C++20 (and, on x86, code for AVX-512); with what others said about it. */
function findCompiler() {
  const chosen = process.env.CXX;
  const known = [
    'g++',
    'c++',
    'clang++',
    'g++-14',
    'g++-13',
    'g++-12',
    'g++-11',
    'clang++-18',
    'clang++-16',
    'clang++-14',
  ];
  const program =
    '#include <bit>\n#include <concepts>\n#include <span>\n#include <version>\nint main() { return std::popcount(0u); }\n';
  const flags = ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'];
  if (process.arch === 'x64') flags.unshift('-march=x86-64-v4');
  const refused = [];
  for (const name of chosen ? [chosen] : known) {
    const [command, ...own] = name.split(/\s+/); // CXX may be "ccache g++"
    const result = answers(command, [...own, ...flags], { input: program });
    if (result.status === 0) return { compiler: name, refused };
    if (result.error?.code === 'ENOENT') {
      if (chosen) refused.push(`${name}: not found (it is what CXX names)`);
      continue;
    }
    const version = String(answers(command, [...own, '-dumpfullversion', '-dumpversion']).stdout).trim();
    const said =
      String(result.stderr)
        .split('\n')
        .find((line) => line.includes('error')) ?? '';
    refused.push(
      `${name}${version ? ` ${version}` : ''}: too old for C++20 ${said ? `(${said.trim()})` : ''}`,
    );
  }
  return { compiler: null, refused };
}

/** What is missing, as sentences. */
function findMissing({ compiler, refused }) {
  const missing = [];
  if (compiler === null) {
    missing.push(
      `a C++20 compiler (g++ 11 or newer, or clang++ 14 or newer)${refused.map((line) => `\n      ${line}`).join('')}`,
    );
  }
  if (answers('make', ['--version']).status !== 0) missing.push('make');
  const pythons = [
    process.env.npm_config_python,
    process.env.NODE_GYP_FORCE_PYTHON,
    process.env.PYTHON,
    'python3',
    'python',
  ];
  const isPython3 = (name) =>
    name && answers(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 6))']).status === 0;
  if (!pythons.some(isPython3)) missing.push('python3 (3.6 or newer)');
  return missing;
}

const advice = `
  Debian, Ubuntu          apt-get install -y g++ make python3
  Fedora, RHEL 9          dnf install -y gcc-c++ make python3
  RHEL 8 and its kin      dnf install -y gcc-toolset-12-gcc-c++ make python3.11 && source /opt/rh/gcc-toolset-12/enable
  Alpine                  apk add g++ make python3
  macOS                   xcode-select --install
  a cluster               module avail gcc python; module load gcc/12 python   (names differ from site to site)
  another compiler        CXX=/path/to/g++ npm rebuild lapidary   (in a clone: CXX=/path/to/g++ npm run build:native)`;

// ---- The build ------------------------------------------------------------------------------------------------------

function nodeGyp(command, args, environment, setGroup) {
  const program = require.resolve('node-gyp/bin/node-gyp.js');
  const child = spawn(process.execPath, [program, command, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: environment,
    detached: true, // a group of its own, so that make and the compilers end with us
  });
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // Already gone.
    }
  };
  process.once('exit', end);
  if (child.pid !== undefined) setGroup(child.pid);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.removeListener('exit', end);
      resolve(code ?? signal);
    });
  });
}

async function build(force, setGroup) {
  const inputs = findInputs();
  if (!force && isBuilt(inputs)) return;
  removeStamp(builtStamp); // from here until the very end there is no valid build

  const found = findCompiler();
  const missing = findMissing(found);
  if (missing.length > 0) {
    fail(
      `cannot build the native addon. Missing on this machine:\n${missing.map((line) => `    - ${line}`).join('\n')}\n${advice}`,
    );
  }
  const environment = { ...process.env };
  // make's own default is g++; say it only when something else was found.
  if (found.compiler !== 'g++') Object.assign(environment, { CXX: found.compiler, LINK: found.compiler });

  const common = [
    '--loglevel=warn',
    ...(inputs.nodeDirectory === null ? [] : [`--nodedir=${inputs.nodeDirectory}`]),
  ];
  const hint = "the compiler's own words are above. Try again with: npm run build:native -- --force";
  const configured =
    existsSync(join(root, 'build/Makefile')) && readStamp(configuredStamp).inputs === inputs.configured;
  if (force) rmSync(join(root, 'build/Release'), { recursive: true, force: true });
  if (force || !configured) {
    removeStamp(configuredStamp);
    const code = await nodeGyp('configure', common, environment, setGroup);
    if (code !== 0)
      fail(
        `node-gyp configure failed (${code}); its own words are above.${inputs.nodeDirectory === null ? ' Without network, point npm_config_nodedir at a Node installation with include/node.' : ''}`,
      );
    writeStamp(configuredStamp, { inputs: inputs.configured });
  }
  const code = await nodeGyp(
    'build',
    [...common, '--jobs', process.env.JOBS || 'max'],
    environment,
    setGroup,
  );
  if (code !== 0) fail(`the native addon did not build (node-gyp build: ${code}); ${hint}`);
  const state = fileState(addon);
  if (state === null) fail(`the build made no ${addon}; ${hint}`);
  // `inputs` were read before the build: a source edited meanwhile makes the next run build again.
  writeStamp(builtStamp, { inputs: inputs.built, addon: state });
}

try {
  if (process.platform === 'win32') fail('Windows is not supported; use WSL 2 (a Linux environment) there.');
  const force = process.argv.includes('--force');
  if (force || !isBuilt(findInputs())) {
    await withLock(
      join(root, 'build/.lock'),
      (setGroup) => build(force, setGroup),
      (owner) =>
        console.error(
          `lapidary: process ${owner.pid} on ${owner.host} is building the addon; waiting for it`,
        ),
    );
  }
} catch (error) {
  console.error(error instanceof Failure ? `lapidary: ${error.message}` : error);
  process.exitCode = underNpx ? 0 : 1;
}
