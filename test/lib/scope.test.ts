import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';

let before = 0;
beforeEach(() => {
  before = L.memory().liveTensors;
});
const made = (): number => L.memory().liveTensors - before;

describe('scope', () => {
  const survivors: L.Tensor[] = [];
  afterEach(() => {
    for (const tensor of survivors.splice(0)) tensor.dispose();
    expect(made()).toBe(0);
  });

  it('releases what was made inside, but what is returned', () => {
    let inner: L.Tensor | undefined;
    const y = L.scope(() => {
      inner = L.ones([2]);
      return inner.add(1).mul(2);
    });
    survivors.push(y);
    expect(inner?.disposed).toBe(true);
    expect([...y.dataSync()]).toEqual([4, 4]);
    expect(made()).toBe(1);
  });

  it('searches arrays, objects, Maps and Sets, in circles too', () => {
    const result = L.scope(() => {
      const ones = (): L.Tensor => L.ones([1]);
      ones();
      const object: Record<string, unknown> = {
        list: [ones(), [ones()]],
        map: new Map([[ones(), ones()]]),
        set: new Set([ones()]),
      };
      object.self = object;
      return object as { list: [L.Tensor, [L.Tensor]]; map: Map<L.Tensor, L.Tensor>; set: Set<L.Tensor> };
    });
    survivors.push(
      result.list[0],
      result.list[1][0],
      ...result.map.keys(),
      ...result.map.values(),
      ...result.set,
    );
    expect(survivors.map((tensor) => tensor.disposed)).toEqual([false, false, false, false, false]);
    expect(made()).toBe(5);
  });

  it('returns and keeps into the enclosing scope', () => {
    let kept: L.Tensor | undefined;
    let returned: L.Tensor | undefined;
    L.scope(() => {
      returned = L.scope(() => {
        kept = L.keep(L.ones([1]));
        return L.ones([1]);
      });
      expect(made()).toBe(2);
    });
    expect([kept?.disposed, returned?.disposed]).toEqual([true, true]);
  });

  it('keeps pending normalisations that are returned', () => {
    const pending = L.scope(() => {
      return L.convBatchNorm(L.ones([1, 2, 2, 1]), L.ones([1, 1, 1, 1]), { norm: { training: true } });
    });
    expect(pending.disposed).toBe(false);
    expect(made()).toBe(1);
    pending.dispose();
  });

  it('releases everything when fn throws or rejects', async () => {
    const fail = (): never => {
      L.keep([L.ones([1])]).pop();
      L.ones([1]);
      throw new Error('no');
    };
    expect(() => L.scope(() => L.scope(fail))).toThrow('no');
    await expect(
      L.scope(async () => {
        L.ones([1]);
        await turn();
        L.ones([1]);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
  });

  it('takes a tensor out with own()', () => {
    const y = L.scope(() => L.scope(() => L.own(L.ones([1]))));
    survivors.push(y);
    expect(y.disposed).toBe(false);
  });

  it('does not mix asynchronous flows that interleave', async () => {
    const flow = async (value: number): Promise<L.Tensor> =>
      L.scope(async () => {
        const x = L.full([1], value);
        await turn();
        const y = x.add(1);
        await turn();
        expect(x.disposed).toBe(false);
        await L.noGrad(async () => {
          await turn();
          y.add(1);
        });
        return y.add(1);
      });
    const results = await Promise.all([flow(1), flow(10), flow(100)]);
    survivors.push(...results);
    expect(made()).toBe(3);
    expect(results.map((tensor) => tensor.itemSync())).toEqual([3, 12, 102]);
  });

  it('gives work that outlives its scope the nearest open one', async () => {
    await L.scope(async () => {
      let late: Promise<L.Tensor> | undefined;
      L.scope(() => {
        late = turn().then(() => L.ones([1]));
      });
      const y = await late!;
      expect(y.disposed).toBe(false);
    });
  });

  it('noGrad is over when its function is', async () => {
    const x = L.ones([1], { requiresGrad: true });
    const y = L.scope(() => {
      L.noGrad(() => x.add(1));
      return x.add(1);
    });
    const quiet = L.noGrad(() => L.scope(() => x.add(1)));
    survivors.push(x, y, quiet);
    y.backward();
    expect(() => quiet.backward()).toThrow(L.ArgumentError);
  });
});

describe('leaks', () => {
  it('are released by the garbage collector', async () => {
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let i = 0; i < 100; i++) L.ones([4]);
    expect(made()).toBeGreaterThan(0);
    for (let attempt = 0; attempt < 50 && made() > 0; attempt++) {
      collect();
      await turn();
    }
    expect(made()).toBe(0);
  });
});
