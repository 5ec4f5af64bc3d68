// Scaling images as Pillow does it, bit by bit, because that is what torchvision's transforms call: a triangle
// filter as wide as the scale, fixed-point weights of 22 bits, first along rows, then along columns, rounded to
// bytes between. https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c

/** Bytes, channels innermost: height × width × channels. */
export interface Raster {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** First place and number of places. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** How one axis is scaled: to `length` places, of which `kept` are wanted. */
export interface Scaling {
  readonly length: number;
  readonly kept: Span;
}

const precision = 22;

/** Weights of the places before, for each kept place after. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly values: Int32Array;
  readonly stride: number;
}

/** The kept part of an image that is scaled to `rows.length` × `columns.length`. */
export function resample(
  image: Raster,
  { rows, columns }: { rows: Scaling; columns: Scaling },
): Raster {
  const down = image.height === rows.length ? undefined : weigh(image.height, rows);
  const needed = down ? span(down) : rows.kept;
  const wide = scaleRows(crop(image, needed, { start: 0, length: image.width }), columns);
  return down ? scaleColumns(wide, down, needed.start) : wide;
}

/** The part of an image in these rows and columns; itself where that is all of it. */
function crop(image: Raster, rows: Span, columns: Span): Raster {
  const { height, width, channels, pixels } = image;
  if (rows.length === height && columns.length === width) return image;
  const part = new Uint8Array(rows.length * columns.length * channels);
  for (let row = 0; row < rows.length; row++) {
    const from = ((rows.start + row) * width + columns.start) * channels;
    const to = row * columns.length * channels;
    part.set(pixels.subarray(from, from + columns.length * channels), to);
  }
  return { pixels: part, height: rows.length, width: columns.length, channels };
}

/** `precompute_coeffs` and `normalize_coeffs_8bpc` of the original, for the triangle filter. */
function weigh(size: number, { length, kept }: Scaling): Weights {
  const scale = size / length;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(kept.length);
  const count = new Int32Array(kept.length);
  const values = new Int32Array(kept.length * stride);
  for (let place = 0; place < kept.length; place++) {
    const centre = (kept.start + place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const to = Math.min(size, Math.trunc(centre + support + 0.5));
    const exact = new Float64Array(to - from);
    let sum = 0;
    for (let i = 0; i < exact.length; i++) {
      const distance = Math.abs((i + from - centre + 0.5) * (1 / support));
      exact[i] = distance < 1 ? 1 - distance : 0;
      sum += exact[i]!;
    }
    first[place] = from;
    count[place] = exact.length;
    for (let i = 0; i < exact.length; i++) {
      const share = sum === 0 ? exact[i]! : exact[i]! / sum;
      values[place * stride + i] = Math.trunc(0.5 + share * 2 ** precision);
    }
  }
  return { first, count, values, stride };
}

/** Places before that the kept ones need. */
function span({ first, count }: Weights): Span {
  const last = first.length - 1;
  return { start: first[0]!, length: first[last]! + count[last]! - first[0]! };
}

function scaleRows(image: Raster, scaling: Scaling): Raster {
  const { height, width, channels, pixels } = image;
  if (width === scaling.length) return crop(image, { start: 0, length: height }, scaling.kept);
  const { first, count, values, stride } = weigh(width, scaling);
  const out = new Uint8Array(height * first.length * channels);
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < first.length; column++) {
      const from = (row * width + first[column]!) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 1 << (precision - 1);
        let at = from + channel;
        for (let i = column * stride, end = i + count[column]!; i < end; i++, at += channels) {
          sum += pixels[at]! * values[i]!;
        }
        out[to++] = sum >> precision;
      }
    }
  }
  return { pixels: out, height, width: first.length, channels };
}

/** `top` is the row of the whole image that `image` begins with. */
function scaleColumns(image: Raster, weights: Weights, top: number): Raster {
  const { width, channels, pixels } = image;
  const { first, count, values, stride } = weights;
  const length = width * channels;
  const out = new Uint8Array(first.length * length);
  const sums = new Int32Array(length);
  for (let row = 0; row < first.length; row++) {
    sums.fill(1 << (precision - 1));
    for (let i = 0; i < count[row]!; i++) {
      const weight = values[row * stride + i]!;
      const from = (first[row]! + i - top) * length;
      for (let place = 0; place < length; place++) sums[place]! += pixels[from + place]! * weight;
    }
    for (let place = 0; place < length; place++)
      out[row * length + place] = sums[place]! >> precision;
  }
  return { pixels: out, height: first.length, width, channels };
}
