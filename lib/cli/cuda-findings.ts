/** What `lapidary doctor` tells of CUDA: driver, devices, kernel image, and what keeps them from working together. */

import type { CudaSurvey } from '../native.js';
import type { Finding } from './finding.js';

/** Driver, each device, and the image. A machine without CUDA is no fault: all that is missing is a note. */
export function cudaFindings(survey: CudaSurvey): Finding[] {
  const { driver, driverVersion, devices, problem, image, architectures, imageProblem } = survey;
  const driverText = `${driver}, for CUDA ${versionText(driverVersion)}`;
  const found: Finding[] = [
    problem === ''
      ? { name: 'CUDA driver', value: driverText, state: 'ok' }
      : { name: 'CUDA driver', value: driver === '' ? problem : `${driverText}: ${problem}`, state: 'note' },
  ];
  for (const [index, { name, major, minor, multiprocessors, bytes }] of devices.entries()) {
    const use = devices.length > 1 && index === 0 ? ' (the one in use)' : '';
    found.push({
      name: `CUDA device ${index}`,
      value: `${name}, sm_${major}${minor}, ${multiprocessors} multiprocessors, ${(bytes / 1e9).toFixed(1)} GB${use}`,
      state: 'ok',
    });
  }
  const missing = imageProblem === '' ? imageMisfit(survey) : imageProblem;
  const code = `${image} (${architectures.join(', ')})`;
  found.push(
    missing === ''
      ? { name: 'CUDA kernel image', value: code, state: 'ok' }
      : {
          name: 'CUDA kernel image',
          value: imageProblem === '' ? `${code}: ${missing}` : missing,
          state: 'note',
        },
  );
  return found;
}

/** Why the first device cannot run the image; empty when it can. */
function imageMisfit({ devices: [device], driverVersion, architectures, ptx }: CudaSurvey): string {
  if (device === undefined) return '';
  const { major, minor } = device;
  const madeFor = (kind: 'sm' | 'compute') =>
    architectures.flatMap((name) => (name.startsWith(`${kind}_`) ? Number(name.split('_')[1]) : []));
  // Machine code runs on its own major version, from its own minor version on; PTX on everything that is not older.
  const runs = madeFor('sm').some((number) => Math.floor(number / 10) === major && number % 10 <= minor);
  if (runs) return '';
  const none = `no machine code for sm_${major}${minor}`;
  const remedy = `npm run build:cuda -- --architectures ${major}${minor}`;
  const oldest = Math.min(...madeFor('compute'));
  if (oldest === Number.POSITIVE_INFINITY || ptx === '') return `${none} and no PTX; build it: ${remedy}`;
  if (10 * major + minor < oldest) {
    return `${none}, and its PTX is for sm_${oldest} and later: lapidary needs a newer device`;
  }
  const needed = cudaOfPtx(ptx);
  if (driverVersion >= needed) return '';
  return (
    `${none}, and its PTX ${ptx} needs a driver for CUDA ${versionText(needed)} or later: ` +
    `install a newer driver, or build for the device: ${remedy}`
  );
}

/**
 * The CUDA version, as drivers count it (13000 is 13.0), whose nvcc writes that version of PTX and whose driver is the first to
 * read it: 8.7 is of 12.8, 8.8 of 12.9, 9.0 of 13.0 (release notes of the PTX ISA).
 */
function cudaOfPtx(ptx: string): number {
  const [major = 0, minor = 0] = ptx.split('.').map(Number);
  return 1000 * (major + 4) + 10 * (major === 8 && minor >= 6 ? minor + 1 : minor);
}

function versionText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}
