/**
 * Kills a small training run at random moments (SIGKILL), resumes it, and looks at what is left each time:
 *
 *   npm run build && node --import tsx scripts/kill-campaign.ts [--kills 1000] [--chains 2] [--seed 1] [--within MS]
 *
 * A chain repeats: start `lapidary train --resume`, kill it after a random time up to `within` milliseconds, check the folder;
 * until the run is done; then compare it with one that nobody killed, and begin anew. What must hold after every kill: every
 * checkpoint folder that is there is sound, the newest is no older than before, and no line of the log but the last is torn.
 * At the end of every run: equal bytes of model, metrics and result. Prints a JSON object last; exits with 1 when anything broke.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PhiloxSequence } from '../lib/data/philox.js';
import { loadNewestCheckpoint } from '../lib/io/checkpoint.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    chains: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    /** Milliseconds after the start before which every kill comes. Default: what a whole run takes here and now. */
    within: { type: 'string' },
  },
});
const [kills, chains, seed] = [values.kills, values.chains, values.seed].map(Number) as [
  number,
  number,
  number,
];

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lapidary-kill-'));
const config = join(folder, 'tiny.yaml');
writeFileSync(
  config,
  `data: { source: 'shapes10:5', train: 80, validation: 16, test: 16 }
model: resnet8
train: { objective: { kind: fast }, epochs: 4, batch: 16 }
checkpointEvery: 2
`,
);

function start(out: string) {
  const args = [main, 'train', '--config', config, '--out', out, '--resume', '--threads', '1', '--json'];
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Runs until it ends, or is killed after `milliseconds`. */
async function run(out: string, milliseconds = Number.POSITIVE_INFINITY) {
  const child = start(out);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = Number.isFinite(milliseconds)
    ? setTimeout(() => child.kill('SIGKILL'), milliseconds)
    : undefined;
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, stderr };
}

const results = ['model.safetensors', 'metrics.jsonl'];
const digests = (out: string) => results.map((name) => readFileSync(join(out, name)).toString('base64'));

const found = {
  kills: 0,
  runs: 0,
  resumed: 0,
  lostCheckpoints: 0,
  corruptCheckpoints: 0,
  otherBits: 0,
  failures: 0,
};
const broken: string[] = [];

function say(kind: 'lostCheckpoints' | 'corruptCheckpoints' | 'otherBits' | 'failures', what: string): void {
  found[kind]++;
  broken.push(what);
  console.error(what);
}

/** The step of the newest checkpoint, after looking at what a kill left; -1: there is none yet. */
async function inspect(out: string, before: number): Promise<number> {
  const { checkpoint, skipped } = await loadNewestCheckpoint(join(out, 'checkpoints'));
  for (const { path, reason } of skipped) say('corruptCheckpoints', `${path}: ${reason}`);
  const step = checkpoint?.step ?? -1;
  if (step < before) say('lostCheckpoints', `${out}: checkpoint ${before} is gone, the newest is ${step}`);
  const lines = readTextIfThere(join(out, 'metrics.jsonl')).split('\n').slice(0, -1);
  for (const line of lines) {
    try {
      JSON.parse(line);
    } catch {
      say('failures', `${out}: a torn line in the middle of the log: ${line.slice(0, 60)}`);
    }
  }
  return step;
}

function readTextIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function chain(number: number, within: number, reference: readonly string[]): Promise<void> {
  const random = new PhiloxSequence(seed, number);
  for (let attempt = 0; found.kills < kills; attempt++) {
    const out = join(folder, `chain-${number}-${attempt}`);
    let newest = -1;
    while (true) {
      // Once there have been enough kills, the last runs end in peace.
      const end = found.kills < kills ? (random.word() / 2 ** 32) * within : Number.POSITIVE_INFINITY;
      const { code, stderr } = await run(out, end);
      if (code === 0) break;
      if (code !== null) {
        say('failures', `${out}: exit code ${code}: ${stderr.slice(-300)}`);
        break;
      }
      found.kills++;
      if (stderr.includes('Going on from')) found.resumed++;
      newest = await inspect(out, newest);
      if (found.kills % 100 === 0) console.error(`${found.kills} kills, ${found.runs} runs finished`);
    }
    found.runs++;
    if (digests(out).some((digest, i) => digest !== reference[i])) say('otherBits', `${out}: other bits`);
    rmSync(out, { recursive: true, force: true });
  }
}

let within = 0;
try {
  const whole = join(folder, 'whole');
  const began = performance.now();
  const { code, stderr } = await run(whole);
  within = values.within === undefined ? Math.round(performance.now() - began) : Number(values.within);
  if (code !== 0) throw new Error(`The undisturbed run failed: ${stderr.slice(-500)}`);
  const reference = digests(whole);
  await Promise.all(Array.from({ length: chains }, (_, number) => chain(number, within, reference)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify({ ...found, within, seed, broken }));
process.exitCode = broken.length === 0 ? 0 : 1;
