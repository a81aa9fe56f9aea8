// Checks files against the programs they are exchanged with: PyTorch, torchvision, NumPy, safetensors, onnxruntime.
//
//   npm run test:interchange                      all of test/interchange
//   npm run test:interchange -- -t resnet50       arguments go to vitest
//
// The first run makes a Python environment in the user's cache folder (some minutes); LAPIDARY_INTERCHANGE_PYTHON names a
// Python that has the packages of test/interchange/requirements*.txt already. onnxruntime-node is installed beside the
// tests, without its install script, which would load CUDA libraries.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from './stamp.mjs';

const folder = join(root, 'test/interchange');
const requirements = ['requirements.txt', 'requirements-no-deps.txt'].map((name) => join(folder, name));

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error !== undefined) console.error(`interchange: ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function pythonEnvironment() {
  const given = process.env.LAPIDARY_INTERCHANGE_PYTHON;
  if (given) return given;
  const hash = createHash('sha256');
  for (const file of requirements) hash.update(readFileSync(file));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const environment = join(cache, 'lapidary', `interchange-${hash.digest('hex').slice(0, 12)}`);
  const python = join(environment, 'bin/python');
  const complete = join(environment, 'complete');
  if (!existsSync(complete)) {
    rmSync(environment, { recursive: true, force: true });
    mkdirSync(environment, { recursive: true });
    run('python3', ['-m', 'venv', environment]);
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    run(python, [...install, '--requirement', requirements[0]]);
    run(python, [...install, '--no-deps', '--requirement', requirements[1]]);
    writeFileSync(complete, '');
  }
  return python;
}

const python = pythonEnvironment();
if (!existsSync(join(folder, 'node_modules/onnxruntime-node/package.json'))) {
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--package-lock=false'], {
    cwd: folder,
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
}
run('npx', ['vitest', 'run', '--config', 'test/interchange/vitest.config.ts', ...process.argv.slice(2)], {
  env: { ...process.env, LAPIDARY_INTERCHANGE_PYTHON: python },
});
