// Compiles lib/ to dist/ with tsc, and takes out of dist/ what lib/ no longer has. Silent and quick when nothing changed.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { listFiles } from './sources.mjs';
import { hashOf, readStamp, removeStamp, root, underNpx, writeStamp } from './stamp.mjs';

const stampPath = 'build/.ts.json';
const require = createRequire(import.meta.url);

const isDeclaration = (path) => /\.d\.[mc]?ts$/.test(path);
const isCompiled = (path) => path.endsWith('.ts') && !isDeclaration(path);

/** What dist/ must hold: two files for each compiled source, and a copy of everything else (declarations, assets). */
function expectedFiles(sources) {
  return sources.flatMap((path) => {
    const target = path.replace(/^lib\//, 'dist/');
    const stem = target.replace(/\.ts$/, '');
    return isCompiled(path) ? [`${stem}.js`, `${stem}.d.ts`] : [target];
  });
}

/** The files that package.json names as commands. */
function binaries() {
  return Object.values(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).bin);
}

function inputsNow(sources) {
  const typescript = require('typescript/package.json').version;
  return hashOf(['tsconfig.json', 'package.json', ...sources], typescript);
}

function compile() {
  const sources = listFiles('lib');
  const expected = new Set(expectedFiles(sources));
  const inputs = inputsNow(sources);
  const present = () => [...expected].every((path) => existsSync(join(root, path)));
  if (readStamp(stampPath).inputs === inputs && present()) return 0;

  removeStamp(stampPath);
  for (const path of listFiles('dist')) {
    if (!expected.has(path)) rmSync(join(root, path));
  }
  for (const path of sources.filter((path) => !isCompiled(path))) {
    const target = join(root, path.replace(/^lib\//, 'dist/'));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, path), target);
  }
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const path of binaries()) {
    if (existsSync(join(root, path))) chmodSync(join(root, path), 0o755);
  }
  if (result.status === 0 && present()) writeStamp(stampPath, { inputs });
  return result.status ?? 1;
}

function typescriptIsHere() {
  try {
    require.resolve('typescript/package.json');
    return true;
  } catch {
    return false;
  }
}

/** A stand-in for a command that could not be compiled: npx links the command's file only if it is there. */
function writeStandIns() {
  const code = `#!/usr/bin/env node
console.error('lapidary: this clone is not built yet; run: npm ci');
process.exitCode = 1;
`;
  for (const path of binaries()) {
    const file = join(root, path);
    if (existsSync(file)) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code, { mode: 0o755 });
  }
}

async function main() {
  if (!existsSync(join(root, 'lib'))) return 0; // installed from a tarball: dist/ came with it
  if (typescriptIsHere()) return withLock(join(root, 'build/.ts-lock'), compile);
  if (existsSync(join(root, 'dist/index.js'))) {
    console.error('lapidary: typescript is not installed, so dist/ stays as it was');
    return 0;
  }
  console.error(
    'lapidary: typescript is not installed, so lib/ cannot be compiled; run: npm ci --include=dev',
  );
  return 1;
}

process.exitCode = await main();
if (process.exitCode !== 0 && underNpx) {
  writeStandIns();
  process.exitCode = 0;
}
