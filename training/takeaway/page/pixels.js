// From the pixels of a picture to those that the network sees: what training/images/decoding.py does with Pillow,
// value for value. A canvas's own drawImage resamples otherwise, and a network notices.

const REDUCING_GAP = 3; // from here on, whole blocks are averaged first
const BICUBIC_SUPPORT = 2; // pixels on each side
const PRECISION = 22; // bits of a coefficient behind the point

// Uint8 [count, channels] of opaque RGBA pixels. One channel is ITU-R 601 luma, as Pillow rounds it.
function opaquePixels(rgba, count, channels) {
  const pixels = new Uint8Array(count * channels);
  for (let i = 0; i < count; i++) {
    const [red, green, blue] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]];
    if (channels === 1) {
      pixels[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    } else {
      pixels[3 * i] = red;
      pixels[3 * i + 1] = green;
      pixels[3 * i + 2] = blue;
    }
  }
  return pixels;
}

// The square that the network sees, Uint8 [size, size, channels]. `image` is {pixels, width, height, channels}.
function squarePixels(image, size, resize) {
  const { width, height, channels } = image;
  if (resize === "stretch") return resized(image, [0, 0, width, height], size, size).pixels;
  if (resize === "pad") {
    const [inWidth, inHeight] = paddedSize(width, height, size);
    const part = resized(image, [0, 0, width, height], inWidth, inHeight);
    const square = new Uint8Array(size * size * channels);
    const [left, top] = [(size - inWidth) >> 1, (size - inHeight) >> 1];
    for (let y = 0; y < inHeight; y++) {
      const row = part.pixels.subarray(y * inWidth * channels, (y + 1) * inWidth * channels);
      square.set(row, ((top + y) * size + left) * channels);
    }
    return square;
  }
  return resized(image, centreSquare(width, height), size, size).pixels;
}

function centreSquare(width, height) {
  const side = Math.min(width, height);
  const [left, top] = [(width - side) >> 1, (height - side) >> 1];
  return [left, top, left + side, top + side];
}

function paddedSize(width, height, size) {
  const longer = Math.max(width, height);
  return [width, height].map((side) => Math.max(1, roundHalfEven((side * size) / longer)));
}

function roundHalfEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

// Pillow's Image.resize(…, BICUBIC, box, reducing_gap=3).
function resized(image, box, outWidth, outHeight) {
  const spans = [box[2] - box[0], box[3] - box[1]];
  const factors = [spans[0] / outWidth, spans[1] / outHeight].map((scale) => Math.trunc(scale / REDUCING_GAP) || 1);
  if (factors[0] > 1 || factors[1] > 1) {
    const reach = [spans[0] / outWidth, spans[1] / outHeight].map((scale) => (BICUBIC_SUPPORT - 0.5) * scale);
    const safe = [
      Math.max(0, Math.trunc(box[0] - reach[0])),
      Math.max(0, Math.trunc(box[1] - reach[1])),
      Math.min(image.width, Math.ceil(box[2] + reach[0])),
      Math.min(image.height, Math.ceil(box[3] + reach[1])),
    ];
    image = reduced(image, safe, factors);
    box = [0, 1, 2, 3].map((side) => (box[side] - safe[side % 2]) / factors[side % 2]);
  }
  const across = coefficients(image.width, box[0], box[2], outWidth);
  const down = coefficients(image.height, box[1], box[3], outHeight);
  // Since release 13, Pillow goes down first where rows fall away twice as fast as columns; each pass rounds.
  const fewerRows = image.height - outHeight;
  if (fewerRows > 0 && fewerRows > 2 * (image.width - outWidth)) {
    return resampledAcross(resampledDown(image, down), across, 0, outHeight);
  }
  const last = down[outHeight - 1];
  return resampledDown(resampledAcross(image, across, down[0].start, last.start + last.weights.length), down);
}

// The mean of each block of factors[0] x factors[1] pixels; of what is left of a block at the right and lower edge.
function reduced(image, box, factors) {
  const { channels } = image;
  const width = Math.ceil((box[2] - box[0]) / factors[0]);
  const height = Math.ceil((box[3] - box[1]) / factors[1]);
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const top = box[1] + y * factors[1];
    const bottom = Math.min(box[3], top + factors[1]);
    for (let x = 0; x < width; x++) {
      const left = box[0] + x * factors[0];
      const right = Math.min(box[2], left + factors[0]);
      const count = (right - left) * (bottom - top);
      const multiplier = Math.trunc(Math.fround(2 ** 32 / Math.fround(256 * count)));
      for (let channel = 0; channel < channels; channel++) {
        let sum = count >> 1;
        for (let row = top; row < bottom; row++) {
          let at = (row * image.width + left) * channels + channel;
          for (let column = left; column < right; column++, at += channels) sum += image.pixels[at];
        }
        pixels[(y * width + x) * channels + channel] = Math.floor((sum * multiplier) / 2 ** 24);
      }
    }
  }
  return { pixels, width, height, channels };
}

function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
  return 0;
}

// Of each output pixel: the first input pixel that it takes part of, and the weights of those from there on.
function coefficients(inSize, first, end, outSize) {
  [first, end] = [Math.fround(first), Math.fround(end)];
  const scale = Math.fround(end - first) / outSize;
  const filterScale = Math.max(scale, 1);
  const support = BICUBIC_SUPPORT * filterScale;
  return Array.from({ length: outSize }, (_, place) => {
    const centre = first + (place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const stop = Math.min(inSize, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let x = start; x < stop; x++) weights.push(bicubic((x - centre + 0.5) * (1 / filterScale)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const fixed = weights.map((weight) => {
      const share = (total === 0 ? weight : weight / total) * 2 ** PRECISION;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    return { start, weights: Int32Array.from(fixed) };
  });
}

const clipped = (sum) => Math.min(255, Math.max(0, sum >> PRECISION));

// Of the rows from `top` on and before `bottom`; the others stay black.
function resampledAcross(image, across, top, bottom) {
  const { width, height, channels } = image;
  const pixels = new Uint8Array(across.length * height * channels);
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < across.length; x++) {
      const { start, weights } = across[x];
      for (let channel = 0; channel < channels; channel++) {
        let sum = 1 << (PRECISION - 1);
        let at = (y * width + start) * channels + channel;
        for (let i = 0; i < weights.length; i++, at += channels) sum += image.pixels[at] * weights[i];
        pixels[(y * across.length + x) * channels + channel] = clipped(sum);
      }
    }
  }
  return { pixels, width: across.length, height, channels };
}

function resampledDown(image, down) {
  const row = image.width * image.channels;
  const pixels = new Uint8Array(down.length * row);
  down.forEach(({ start, weights }, y) => {
    for (let x = 0; x < row; x++) {
      let sum = 1 << (PRECISION - 1);
      for (let i = 0; i < weights.length; i++) sum += image.pixels[(start + i) * row + x] * weights[i];
      pixels[y * row + x] = clipped(sum);
    }
  });
  return { pixels, width: image.width, height: down.length, channels: image.channels };
}
