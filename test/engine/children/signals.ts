// Waits for signals in one of several ways; see signals.test.ts.
import * as L from '../../../lib/index.js';

const mode = process.argv[2]!;
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

if (mode === 'import') {
  setInterval(() => {}, 1000);
  say('ready');
} else if (mode === 'removed') {
  L.installSignalHandlers().dispose();
  setInterval(() => {}, 1000);
  say('ready');
} else {
  const signal = L.installSignalHandlers({ resumable: mode === 'resumable' });
  const x = L.full([256, 256], 1 / 256);
  say('ready');
  // The event loop never turns: only the native flag can tell.
  while (!signal.aborted) L.scope(() => x.matmul(x).dataSync());
  const { reason } = signal;
  say(JSON.stringify({ message: reason?.message, code: reason?.code, resumable: reason?.resumable }));
  if (mode === 'stubborn') for (;;) L.scope(() => x.matmul(x).dataSync());
}
