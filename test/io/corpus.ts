/** The files of other programs that `corpus/make_corpus.py` wrote. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function corpusPath(name: string): string {
  return fileURLToPath(new URL(`corpus/${name}`, import.meta.url));
}

export function corpusBytes(name: string): Buffer {
  return readFileSync(corpusPath(name));
}
