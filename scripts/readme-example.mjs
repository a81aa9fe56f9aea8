// Runs the examples of README.md: every fenced TypeScript or JavaScript block that imports from 'lapidary', each as a
// program of its own that sees the compiled package. A block opened with the word `no-run` after its language is left out.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './stamp.mjs';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const fences = readme.matchAll(/^```(ts|typescript|js|javascript|mjs)\b([^\n]*)\n([\s\S]*?)^```/gm);
const examples = [...fences].filter(
  ([, , words, code]) => !/\bno-run\b/.test(words) && /from 'lapidary'/.test(code),
);
if (examples.length === 0) {
  console.error("README.md has no runnable example (a ```ts block that imports from 'lapidary')");
  process.exit(1);
}
const folder = join(root, 'build/readme'); // inside the package, so that 'lapidary' names the package itself
mkdirSync(folder, { recursive: true });
for (const [index, [, , , code]] of examples.entries()) {
  const file = join(folder, `example-${index + 1}.mts`);
  writeFileSync(file, code);
  console.log(`README.md, example ${index + 1} of ${examples.length}`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    console.error(`${code}\nREADME.md: example ${index + 1} ended with ${status}`);
    process.exit(1);
  }
}
