/**
 * What kernels move is what their files say: softgpu counts every byte that a lane loads from or stores to global memory, and
 * no implementation may ask for more than it states.
 */
import { describe, expect, it } from 'vitest';
import { caseText, readCases } from '../../lib/bench/bench-case.js';
import { countImplementation, deviceCounts } from '../../lib/bench/counters.js';
import { drawOperands } from '../../lib/bench/operands.js';
import { addon } from '../../lib/native-addon.js';
import { affordable } from '../kernels/harness.js';

const cases = (await readCases('ci')).filter(({ kernel, problem }) => affordable(kernel, problem));

// A GPU does not count: there is nothing to hold its kernels to.
describe.runIf(deviceCounts())('bytes moved', () => {
  for (const one of cases) {
    const accepted = addon
      .kernelImplementations(one.kernel, one.problem)
      .filter(({ refusal }) => refusal === '');
    for (const implementation of accepted) {
      it(`are no more than stated: ${implementation.name}, ${caseText(one)}`, () => {
        const { moved, stated } = countImplementation(one, drawOperands(one), implementation);
        expect(moved, `bytes moved, of ${stated} stated`).toBeLessThanOrEqual(stated);
      });
    }
  }

  it('counts are of the last run alone', () => {
    const [fill] = cases.filter(({ kernel }) => kernel === 'fill');
    const [first] = addon.kernelImplementations(fill!.kernel, fill!.problem);
    const counts = () => countImplementation(fill!, drawOperands(fill!), first!);
    expect(counts()).toEqual(counts());
    expect(counts()).toMatchObject({
      moved: 4 * 1001,
      stated: 4 * 1001,
      functions: { fill: { launches: 1 } },
    });
  });
});
