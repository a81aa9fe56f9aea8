import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { narrow, Training } from './training.js';

describe('profile', () => {
  it('counts every kernel, with the bytes and operations of its problem', async () => {
    const [n, size, c, k] = [2, 8, 3, 5];
    const x = L.rand([n, size, size, c], { seed: 1 });
    const filter = L.rand([k, 3, 3, c], { seed: 2 });
    const measured = await L.profile(() =>
      L.scope(() => {
        for (let call = 0; call < 4; call++) L.conv2d(x, filter, { padding: 1 });
        L.rand([7, 6], { seed: 3 }).matmul(L.rand([6, 5], { seed: 4 }));
        return 'done';
      }),
    );
    expect(measured.result).toBe('done');
    const row = (kernel: string): L.ProfileRow | undefined =>
      measured.rows.find((each) => each.kernel === kernel);
    expect(row('conv2d_fprop')).toMatchObject({
      calls: 4,
      flops: 4 * 2 * n * size * size * k * 9 * c,
      bytes: 4 * 4 * (n * size * size * (c + k) + k * 9 * c),
    });
    expect(row('conv2d_fprop')!.implementation).toMatch(/^(base|avx2|avx512):/);
    expect(row('gemm')).toMatchObject({ calls: 1, flops: 2 * 7 * 6 * 5 });
    expect(row('random_fill')).toMatchObject({ calls: 2, flops: null });
    const shares = measured.rows.reduce((sum, { share }) => sum + share, 0);
    expect(shares).toBeCloseTo(1, 9);
    const times = measured.rows.map(({ milliseconds }) => milliseconds);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times.reduce((sum, time) => sum + time, 0)).toBeLessThanOrEqual(measured.milliseconds);
    expect(measured.busy).toBeGreaterThan(0);
    expect(measured.table().split('\n')[0]).toMatch(
      /kernel +implementation +calls +ms +share \(%\) +GB\/s +GFLOP\/s/,
    );
    expect(measured.table({ by: 'problem' })).toContain('N=2 H=8 W=8 C=3 K=5 R=3 S=3 pad_h=1 pad_w=1');
    x.dispose();
    filter.dispose();
  });

  it('measures a replay task by task, and an asynchronous function to its end', async () => {
    const training = new Training(narrow, 8, 16, 1);
    using step = L.capture(() => training.step());
    const measured = await L.profile(async () => {
      step.replay();
      await step.outputs.data();
      step.replay();
    });
    const calls = measured.rows.reduce((sum, row) => sum + row.calls, 0);
    expect(calls).toBe(2 * step.tasks + 1); // and reading
    training.dispose();
  });

  it('writes a trace in the format of Chrome: two tracks of complete events', async () => {
    const path = join(temporaryFolder(), 'trace.json');
    const measured = await L.profile(() => {
      L.scope(() => {
        const x = L.ones([4, 4]);
        x.requiresGrad = true;
        x.square().sum().backward();
      });
    });
    await measured.writeTrace(path);
    interface Event {
      ph: string;
      name: string;
      tid: number;
      ts: number;
      dur: number;
      args?: { name?: string; problem?: string; waited_us?: number };
    }
    const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as { traceEvents: Event[] };
    const tracks = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args!.name);
    expect(tracks).toEqual(['JavaScript: calls', expect.stringContaining('device: cpu')]);
    const complete = traceEvents.filter(({ ph }) => ph === 'X');
    expect(complete.length + 2).toBe(traceEvents.length);
    for (const { ts, dur } of complete) expect(ts >= 0 && dur >= 0).toBe(true);
    const calls = complete.filter(({ tid }) => tid === 0);
    expect(calls.map(({ name }) => name)).toEqual(['full', 'unary', 'reduce', 'backward']);
    const tasks = complete.filter(({ tid }) => tid === 1);
    expect(tasks.length).toBeGreaterThan(3);
    for (const [i, task] of tasks.entries()) {
      expect(task.args!.waited_us).toBeGreaterThanOrEqual(0); // a task never runs before its call
      // One stream: a task starts when the one before has ended (times are rounded to nanoseconds).
      if (i > 0) expect(task.ts).toBeGreaterThanOrEqual(tasks[i - 1]!.ts + tasks[i - 1]!.dur - 0.002);
    }
  });

  it('lets errors out, ends with them, and refuses another profile inside', async () => {
    await expect(
      L.profile(() => {
        throw new RangeError('boom');
      }),
    ).rejects.toThrow(RangeError);
    const failing = (): void => L.scope(() => void L.gather(L.ones([2]), L.full([1], 5).cast('i32')));
    await expect(L.profile(failing)).rejects.toThrow(L.IndexRangeError);
    await expect(L.profile(() => L.profile(() => 1))).rejects.toThrow(L.ArgumentError);
    expect((await L.profile(() => 3)).result).toBe(3);
  });
});
