import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterEach, describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { tarOf } from './tar-writer.js';

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) >>> 3));
const md5 = (bytes: Uint8Array) =>
  ({ algorithm: 'md5', digest: createHash('md5').update(bytes).digest('hex') }) as const;

type Handler = (request: IncomingMessage, response: ServerResponse, call: number) => void;

let stop: (() => void) | undefined;
afterEach(() => stop?.());

async function serve(handler: Handler): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`, requests };
}

/** The connection breaks when so many bytes have come: had it broken before, they would be lost. */
let breakAt: { done: number; response: ServerResponse } | undefined;

function breakConnection(done: number): void {
  if (breakAt?.done === done) breakAt.response.destroy();
}

/** Whether a file holds `content`; a comparison by `toEqual` takes seconds. */
async function isContent(path: string): Promise<boolean> {
  return content.equals(await readFile(path));
}

/** Serves `bytes` as a good server does, or `limit` of them. */
function answer(
  request: IncomingMessage,
  response: ServerResponse,
  {
    bytes = content,
    limit = Number.POSITIVE_INFINITY,
    ranges = true,
    etag = '"one"',
  }: { bytes?: Buffer; limit?: number; ranges?: boolean; etag?: string } = {},
): void {
  const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const part = ranges && from !== undefined && request.headers['if-range'] === etag;
  const start = part ? Number(from) : 0;
  if (start > bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  response.writeHead(part ? 206 : 200, {
    'content-length': body.length,
    etag,
    ...(part && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (limit >= body.length) response.end(body);
  else {
    response.write(body.subarray(0, limit));
    breakAt = { done: start + limit, response };
  }
}

const quick = { delay: 0, checksum: md5(content), onProgress: breakConnection };

describe('download', () => {
  it('fetches a file, and leaves nothing else', async () => {
    const { url } = await serve((request, response) => answer(request, response));
    const path = join(temporaryFolder(), 'new', 'file.bin');
    const seen: number[] = [];
    await L.download(url, path, { ...quick, onProgress: (done) => seen.push(done) });
    expect(await isContent(path)).toBe(true);
    expect(seen.at(-1)).toBe(content.length);
    expect([existsSync(`${path}.part`), existsSync(`${path}.part.json`)]).toEqual([false, false]);
  });

  it('goes on after a broken connection, where it stopped', async () => {
    const { url, requests } = await serve((request, response, call) =>
      answer(request, response, call < 8 ? { limit: 40_000 } : {}),
    );
    const path = join(temporaryFolder(), 'file.bin');
    const notes: string[] = [];
    await L.download(url, path, { ...quick, tries: 3, onNote: (note) => notes.push(note) });
    expect(await isContent(path)).toBe(true);
    expect(requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      ...[1, 2, 3, 4, 5, 6, 7].map((call) => `bytes=${call * 40_000}-`),
    ]);
    expect(notes.length).toBe(requests.length - 1);
  });

  it('goes on in another call, if the file is still the same', async () => {
    let etag = '"one"';
    let limit = 50_000;
    let ranges = true;
    const { url, requests } = await serve((request, response) =>
      answer(request, response, { limit, etag, ranges }),
    );
    const path = join(temporaryFolder(), 'file.bin');
    const begin = (): Promise<void> => L.download(url, path, { ...quick, tries: 1 });
    await expect(begin()).rejects.toThrow(L.DownloadError);
    expect((await readFile(`${path}.part`)).length).toBe(50_000);
    limit = Number.POSITIVE_INFINITY;
    await begin();
    expect(requests.at(-1)!.headers.range).toBe('bytes=50000-');
    expect(await isContent(path)).toBe(true);
    // Another file, or a server that cannot: from the start.
    for (const change of [
      () => {
        etag = '"two"';
      },
      () => {
        ranges = false;
      },
    ]) {
      limit = 50_000;
      await expect(begin()).rejects.toThrow(L.DownloadError);
      change();
      limit = Number.POSITIVE_INFINITY;
      await begin();
      expect(await isContent(path)).toBe(true);
    }
  });

  it('takes a partial file that is whole already', async () => {
    const { url } = await serve((request, response) => answer(request, response));
    const path = join(temporaryFolder(), 'file.bin');
    await writeFile(`${path}.part.json`, JSON.stringify({ url, validator: '"one"' }));
    await writeFile(`${path}.part`, Buffer.concat([content, Buffer.alloc(10)]));
    await L.download(url, path, quick); // longer than the file: begun anew
    expect(await isContent(path)).toBe(true);
  });

  it('refuses a wrong checksum and removes the file', async () => {
    const { url } = await serve((request, response) =>
      answer(request, response, { bytes: Buffer.alloc(1000, 1) }),
    );
    const path = join(temporaryFolder(), 'file.bin');
    await expect(L.download(url, path, quick)).rejects.toThrow(/to have the md5 .* got /);
    expect([existsSync(path), existsSync(`${path}.part`)]).toEqual([false, false]);
  });

  it('gives up at once where trying again is no use', async () => {
    const { url, requests } = await serve((_, response) => response.writeHead(404).end('no'));
    await expect(L.download(url, join(temporaryFolder(), 'x'), quick)).rejects.toThrow(
      /answered 404 Not Found/,
    );
    expect(requests).toHaveLength(1);
  });

  it('tries again where it is, and gives up some time', async () => {
    const { url, requests } = await serve((_, response) =>
      response.writeHead(503, { 'retry-after': '0' }).end(),
    );
    await expect(L.download(url, join(temporaryFolder(), 'x'), { ...quick, tries: 4 })).rejects.toThrow(
      /503.*4 times in a row/,
    );
    expect(requests).toHaveLength(4);
  });

  it('follows redirects, and notices a server that falls silent', async () => {
    const { url } = await serve((request, response, call) => {
      if (request.url === '/file.bin') response.writeHead(302, { location: '/other' }).end();
      else if (call === 2) response.writeHead(200, { 'content-length': 100 }).flushHeaders();
      else answer(request, response);
    });
    const path = join(temporaryFolder(), 'file.bin');
    const notes: string[] = [];
    await L.download(url, path, { ...quick, patience: 200, onNote: (note) => notes.push(note) });
    expect(notes.join()).toMatch(/nothing came for 0.2 s/);
    expect(await isContent(path)).toBe(true);
  });

  it('stops at a signal, to go on another time', async () => {
    const controller = new AbortController();
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': content.length, etag: '"one"' });
      response.write(content.subarray(0, 1000));
    });
    const path = join(temporaryFolder(), 'file.bin');
    const stopped = L.download(url, path, {
      ...quick,
      signal: controller.signal,
      onProgress: (done) => void (done > 0 && controller.abort()),
    });
    await expect(stopped).rejects.toThrow(L.AbortedError);
    expect((await readFile(`${path}.part`)).length).toBe(1000);
  });
});

describe('getDataset', () => {
  const top = 'cifar-10-batches-bin';
  const archive = Buffer.from(
    gzipSync(
      tarOf([
        { name: `${top}/`, type: '5' },
        { name: `${top}/data_batch_1.bin`, content: Buffer.alloc(3073, 3) },
        { name: `${top}/sub/readme.html`, content: Buffer.from('hello') },
      ]),
    ),
  );

  it('unpacks what it fetched, once, from the first mirror that has it', async () => {
    const { url, requests } = await serve((request, response) =>
      request.url === '/gone' ? response.writeHead(404).end() : answer(request, response, { bytes: archive }),
    );
    const out = join(temporaryFolder(), 'data');
    const options = { out, delay: 0, checksum: md5(archive), urls: [url.replace('file.bin', 'gone'), url] };
    const got = await L.getDataset('cifar10', options);
    expect(got).toEqual({ spec: `cifar10:${join(out, top)}`, folder: join(out, top), found: false });
    expect(await readFile(join(got.folder, 'sub/readme.html'), 'utf8')).toBe('hello');
    const set = await L.openDataset(got.spec);
    expect([...set.train.hostLabels]).toEqual([3]);
    set.dispose();
    expect(existsSync(join(out, 'cifar-10-binary.tar.gz'))).toBe(false);
    expect(await L.getDataset('cifar10', options)).toMatchObject({ found: true });
    expect(requests).toHaveLength(2);
  });

  it('unpacks zip archives', async () => {
    const zip = Buffer.from(
      zipSync({
        'tiny-imagenet-200': {
          'wnids.txt': strToU8('n1\n'),
          val: { 'a.txt': [strToU8('x'.repeat(5000)), { level: 9 }] },
        },
      }),
    );
    const { url } = await serve((request, response) => answer(request, response, { bytes: zip }));
    const got = await L.getDataset('tiny-imagenet', {
      out: temporaryFolder(),
      delay: 0,
      checksum: md5(zip),
      urls: [url],
    });
    expect(await readFile(join(got.folder, 'val/a.txt'), 'utf8')).toBe('x'.repeat(5000));
  });

  it('refuses unknown names and addresses', async () => {
    await expect(L.getDataset('cifar1O')).rejects.toThrow("Did you mean 'cifar10'?");
    await expect(
      L.getDataset('cifar10', { out: temporaryFolder(), urls: ['file:///etc/passwd'] }),
    ).rejects.toThrow(L.ArgumentError);
  });

  it('checks against what the publisher says', async () => {
    const { url } = await serve((request, response) => answer(request, response, { bytes: archive }));
    const out = temporaryFolder();
    await expect(L.getDataset('cifar10', { out, urls: [url] })).rejects.toThrow(
      /c32a1d4ab5d03f1284b67883e8d13530/,
    );
    expect(existsSync(join(out, top))).toBe(false);
  });
});
