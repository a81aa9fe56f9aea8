import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { addon } from '../../lib/native-addon.js';
import { runChild } from './child.js';
import { narrow, Training, trained } from './training.js';
import '../collect-garbage.js';

/** A worker that does one task of children/worker.ts. */
function startWorker(task: string, data: unknown = null): Worker {
  const file = new URL('./children/worker.mjs', import.meta.url);
  return new Worker(file, { workerData: { task, data } });
}

async function answerOf(worker: Worker): Promise<unknown> {
  const [answer] = (await once(worker, 'message')) as [unknown];
  return answer;
}

describe('worker threads', () => {
  it('train beside the main thread, with the bits of a run alone', async () => {
    const alone = [await trained(12, 1), await trained(12, 2), await trained(12, 3)];
    const workers = [
      startWorker('train', { steps: 12, seed: 2 }),
      startWorker('train', { steps: 12, seed: 3 }),
    ];
    const [own, ...others] = await Promise.all([trained(12, 1), ...workers.map(answerOf)]);
    expect([own, ...others]).toEqual(alone);
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  it('have errors of their own', async () => {
    const worker = startWorker('fail');
    const x = L.ones([4]);
    expect(await answerOf(worker)).toBe('ERR_INDEX');
    await expect(L.device().synchronize()).resolves.toBeUndefined();
    expect((await x.data())[3]).toBe(1);
    x.dispose();
    await worker.terminate();
  });

  it('refuse the handles of another thread', async () => {
    const shape = Int32Array.of(2);
    const handles = Array.from({ length: 50 }, () => addon.fromHost(Float32Array.of(1, 2), 0, shape));
    const worker = startWorker('use-handles', handles);
    const codes = (await answerOf(worker)) as string[];
    expect(codes).toHaveLength(50);
    for (const code of codes) expect(code).toMatch(/^ERR_(DISPOSED|ARGUMENT)$/);
    for (const handle of handles) addon.release(handle);
    await worker.terminate();
  });

  it('terminated in mid-step give everything back, and the others go on', async () => {
    await L.device().synchronize();
    const before = L.memory();
    const x = L.ones([1000]);
    for (let round = 0; round < 3; round++) {
      const worker = startWorker('train-forever');
      await answerOf(worker);
      const y = x.add(round);
      await worker.terminate();
      expect((await y.data())[999]).toBe(1 + round);
      y.dispose();
    }
    x.dispose();
    await L.device().synchronize();
    expect(L.memory().active).toBe(before.active);
    expect(L.memory().packed).toBe(before.packed);
  });

  it('capture, replay and profile on their own', async () => {
    const training = new Training(narrow, 8, 16, 1);
    const wanted = await training.run(5);
    training.dispose();
    const captures = Array.from({ length: 4 }, () => L.capture(() => L.ones([2])));
    const ids = Array.from({ length: 40 }, (_, id) => id + 1);
    const worker = startWorker('replay', { steps: 5, captures: ids });
    const answer = (await answerOf(worker)) as { loss: number; refused: string[] };
    // Among these numbers are the captures of this thread; its own is the newest.
    const refused = new Set(answer.refused.slice(0, 4));
    expect({ ...answer, refused }).toEqual({
      loss: wanted,
      refused: new Set(['ERR_DISPOSED']),
      profiled: true,
      aborted: false,
    });
    for (const capture of captures) capture.replay();
    await L.device().synchronize();
    for (const capture of captures) capture.dispose();
    await worker.terminate();
  });

  it('terminated inside a capture, while replaying, or in a backward of JavaScript, give everything back', async () => {
    await L.device().synchronize();
    const before = L.memory();
    for (const task of ['capture-forever', 'replay-forever', 'backward-forever']) {
      const worker = startWorker(task);
      await answerOf(worker);
      await worker.terminate();
      const x = L.full([1000], 3);
      const y = x.add(1);
      expect((await y.data())[999]).toBe(4);
      x.dispose();
      y.dispose();
    }
    await L.device().synchronize();
    expect(L.memory().active).toBe(before.active);
    expect(L.memory().packed).toBe(before.packed);
  });

  it('may be the only ones that load the addon, come and go, and be terminated while calls fail', async () => {
    const { code, signal, stdout, stderr } = await runChild('workers-only');
    expect(stderr).toBe('');
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stdout.trim()).toBe('6 workers ended');
  });
});
