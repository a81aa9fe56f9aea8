/** Makes tar archives for tests, wrong ones too. */

export interface TarEntry {
  readonly name: string;
  readonly content?: Buffer;
  readonly type?: string;
  /** In the head, whatever the content is. */
  readonly size?: number;
}

export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = Buffer.alloc(0), type = '0', size = content.length }) => {
    const head = Buffer.alloc(512);
    head.write(name, 0, 100);
    head.write('0000644\0', 100);
    head.write(`${size.toString(8).padStart(11, '0')} `, 124);
    head.write('        ', 148);
    head.write(type, 156);
    head.write('ustar\x0000', 257);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [head, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
