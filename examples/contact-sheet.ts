/**
 * Draws what the package draws itself, scenes above and shapes10 below, into one picture (docs/drawn-data.png).
 *
 *     node --import tsx examples/contact-sheet.ts docs/drawn-data.png
 */
import { drawScenes, drawShapes10, type Tensor } from 'lapidary';
import sharp, { type OverlayOptions } from 'sharp';

const gap = 4;

interface Row {
  readonly images: Tensor<'u8'>;
  /** Pictures beside each other, and the side of each. */
  readonly columns: number;
  readonly side: number;
}

/** Rows of square pictures, from `top` downwards. */
async function tiles(
  { images, columns, side }: Row,
  top: number,
): Promise<{ tiles: OverlayOptions[]; bottom: number }> {
  const [count = 0, height = 0, width = 0] = images.shape;
  const pixels = await images.data();
  const bytes = height * width * 3;
  const made = Array.from({ length: count }, async (_, i) => ({
    input: await sharp(pixels.subarray(i * bytes, (i + 1) * bytes), { raw: { width, height, channels: 3 } })
      .resize(side)
      .png()
      .toBuffer(),
    left: gap + (i % columns) * (side + gap),
    top: top + Math.floor(i / columns) * (side + gap),
  }));
  return { tiles: await Promise.all(made), bottom: top + Math.ceil(count / columns) * (side + gap) };
}

const landscapes = await tiles(
  { images: drawScenes(12, { seed: 1, first: 24 }).images, columns: 6, side: 124 },
  gap,
);
const shapes = await tiles(
  { images: drawShapes10(40, { seed: 1 }).images, columns: 20, side: 34 },
  landscapes.bottom + gap,
);
const output = process.argv[2] ?? 'drawn-data.png';
await sharp({
  create: { width: 6 * (124 + gap) + gap, height: shapes.bottom, channels: 3, background: 'white' },
})
  .composite([...landscapes.tiles, ...shapes.tiles])
  .png({ palette: true, colours: 256, compressionLevel: 9 })
  .toFile(output);
console.log(output);
