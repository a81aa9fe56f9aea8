/** What we use of seek-bzip, which has no types of its own. */

declare module 'seek-bzip' {
  interface ByteSource {
    readByte(): number;
    /** Reads `length` bytes to `offset`, and returns how many those were. */
    read(into: Uint8Array, offset: number, length: number): number;
  }

  interface ByteSink {
    writeByte(byte: number): void;
  }

  const bunzip: {
    /** Decompresses the first stream of `input`, and checks it against its sums. Throws TypeError when they differ. */
    decode(input: ByteSource, output: ByteSink): void;
  };

  export default bunzip;
}
