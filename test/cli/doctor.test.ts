import { describe, expect, it } from 'vitest';
import { cudaFindings } from '../../lib/cli/cuda-findings.js';
import { addon } from '../../lib/native-addon.js';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

const hopper = { name: 'NVIDIA H100 80GB HBM3', major: 9, minor: 0, multiprocessors: 132, bytes: 85e9 };
const survey = {
  driver: 'libcuda.so.1',
  driverVersion: 13000,
  devices: [hopper],
  problem: '',
  image: '/package/build/cuda/lapidary.fatbin',
  architectures: ['sm_80', 'sm_90', 'compute_80'],
  ptx: '9.0',
  imageProblem: '',
};
const rows = (changed: Partial<typeof survey>) =>
  Object.fromEntries(cudaFindings({ ...survey, ...changed }).map(({ name, ...rest }) => [name, rest]));
const image = (changed: Partial<typeof survey>) => rows(changed)['CUDA kernel image'];

describe('what doctor tells of CUDA', () => {
  it('lists driver, devices and image', () => {
    expect(rows({})).toEqual({
      'CUDA driver': { value: 'libcuda.so.1, for CUDA 13.0', state: 'ok' },
      'CUDA device 0': { value: 'NVIDIA H100 80GB HBM3, sm_90, 132 multiprocessors, 85.0 GB', state: 'ok' },
      'CUDA kernel image': { value: `${survey.image} (sm_80, sm_90, compute_80)`, state: 'ok' },
    });
    const two = rows({ devices: [hopper, { ...hopper, major: 7, minor: 5 }] });
    expect(two['CUDA device 0']!.value).toContain('the one in use');
    expect(two['CUDA device 1']!.value).toMatch(/sm_75, .* GB$/);
  });

  it('gives the reason when something is missing, and still looks at the rest', () => {
    const problem = "no CUDA driver (libcuda.so.1: no such file); install NVIDIA's driver";
    expect(rows({ driver: '', driverVersion: 0, devices: [], problem })).toEqual({
      'CUDA driver': { value: problem, state: 'note' },
      'CUDA kernel image': { value: `${survey.image} (sm_80, sm_90, compute_80)`, state: 'ok' },
    });
    expect(rows({ devices: [], problem: 'the driver knows no device' })['CUDA driver']).toEqual({
      value: 'libcuda.so.1, for CUDA 13.0: the driver knows no device',
      state: 'note',
    });
    const imageProblem = `no kernel image at ${survey.image} (No such file or directory)`;
    expect(image({ architectures: [], ptx: '', imageProblem })).toEqual({
      value: imageProblem,
      state: 'note',
    });
  });

  it('takes machine code for its major version, from its minor version on, with any driver', () => {
    const device = (major: number, minor: number) => [{ ...hopper, major, minor }];
    const old = { driverVersion: 12020 };
    expect(image({ ...old, devices: device(8, 0) })!.state).toBe('ok');
    expect(image({ ...old, devices: device(8, 9) })!.state).toBe('ok');
    expect(image({ ...old, devices: device(9, 0) })!.state).toBe('ok');
    expect(image({ ...old, architectures: ['sm_89', 'compute_80'], devices: device(8, 6) })!.state).toBe(
      'note',
    );
    expect(image({ ...old, devices: device(12, 0) })).toEqual({
      value: expect.stringMatching(
        /no machine code for sm_120, and its PTX 9\.0 needs a driver for CUDA 13\.0 .*--architectures 120$/,
      ),
      state: 'note',
    });
  });

  it('takes PTX where driver and device are new enough for it', () => {
    const blackwell = { devices: [{ ...hopper, major: 12, minor: 0 }] };
    expect(image(blackwell)!.state).toBe('ok');
    for (const [ptx, first] of [
      ['8.7', 12080],
      ['8.8', 12090],
      ['9.0', 13000],
      ['9.1', 13010],
    ] as const) {
      expect(image({ ...blackwell, ptx, driverVersion: first })!.state, ptx).toBe('ok');
      expect(image({ ...blackwell, ptx, driverVersion: first - 10 })!.state, ptx).toBe('note');
    }
    const turing = { devices: [{ ...hopper, major: 7, minor: 5 }] };
    expect(image(turing)!.value).toMatch(/PTX is for sm_80 and later: lapidary needs a newer device/);
    expect(image({ ...blackwell, architectures: ['sm_80'], ptx: '' })!.value).toMatch(/and no PTX; build it/);
  });
});

it('says so with --json, too: an image that is not there, a driver that does not open', async () => {
  const folder = temporaryFolder();
  const outcome = await lapidary(folder, ['doctor', '--json'], {
    env: { LAPIDARY_CUDA_DRIVER: `${folder}/libnone.so`, LAPIDARY_CUDA_IMAGE: `${folder}/none.fatbin` },
  });
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(jsonOf(outcome).result).toMatchObject({
    'CUDA driver': { value: expect.stringContaining(`${folder}/libnone.so`), state: 'note' },
    'CUDA kernel image': { value: expect.stringContaining('npm run build:cuda'), state: 'note' },
    CUDA: { value: expect.stringContaining(`${folder}/libnone.so`), state: 'note' },
  });
});

it('finds the image of this package when nothing else is named', () => {
  const { image } = addon.cudaSurvey();
  expect(image).toBe(process.env.LAPIDARY_CUDA_IMAGE ?? `${process.cwd()}/build/cuda/lapidary.fatbin`);
});
