import { afterEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { addon } from '../../lib/native-addon.js';
import { occupyStream } from './training.js';

const { queueLimit, stagingLimit } = addon.engine();

describe('backpressure', () => {
  afterEach(() => {
    L.emptyMemoryCache();
  });

  it('more tasks than the queue holds are all done, in order', async () => {
    occupyStream();
    let x: L.Tensor = L.zeros([8]);
    for (let count = 0; count < 2.5 * queueLimit; count++) {
      const next = x.affine(1, 1);
      x.dispose();
      x = next;
    }
    expect((await x.data())[7]).toBe(2.5 * queueLimit);
    x.dispose();
  });

  it('more host data than staging memory holds is all copied', async () => {
    const chunk = 16 << 20;
    const source = new Uint8Array(chunk);
    const copies: Promise<number>[] = [];
    occupyStream();
    for (let count = 0; count < 1.5 * (stagingLimit / chunk); count++) {
      source[0] = count;
      const x = L.tensor(source);
      const first = x.slice(0, 0, 1);
      copies.push(first.data().then((data) => data[0]!));
      x.dispose();
      first.dispose();
    }
    const firsts = await Promise.all(copies);
    expect(firsts).toEqual(firsts.map((_, index) => index));
  });

  it('an input larger than all staging memory gets a block of its own', async () => {
    occupyStream();
    const small = L.tensor(Uint8Array.of(1, 2, 3));
    const source = new Uint8Array(stagingLimit + 4096).fill(1, stagingLimit);
    const large = L.tensor(source);
    const after = L.tensor(Uint8Array.of(4, 5, 6));
    const tail = large.slice(0, stagingLimit, 4096);
    expect((await tail.data()).every((byte) => byte === 1)).toBe(true);
    expect([...(await small.data()), ...(await after.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    for (const each of [small, large, after, tail]) each.dispose();
  });

  it('ready() waits until half of the queue is free, and not for the rest', async () => {
    const order: string[] = [];
    occupyStream();
    const first = L.zeros([1]);
    const done = [first.data().then(() => order.push('first'))];
    let last: L.Tensor = L.zeros([1]);
    for (let count = 0; count < 0.9 * queueLimit; count++) {
      const next = last.affine(1, 1);
      last.dispose();
      last = next;
    }
    occupyStream(4);
    const end = last.add(0);
    done.push(
      L.device()
        .ready()
        .then(() => order.push('ready')),
    );
    occupyStream();
    done.push(end.data().then(() => order.push('last')));
    const behind = L.zeros([1]);
    done.push(behind.data().then(() => order.push('behind')));
    await Promise.all(done);
    expect(order).toEqual(['first', 'ready', 'last', 'behind']);
    for (const each of [first, last, end, behind]) each.dispose();
  });

  it('ready() resolves on an idle device', async () => {
    await L.device().synchronize();
    await expect(L.device().ready()).resolves.toBeUndefined();
  });
});
