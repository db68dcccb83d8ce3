// Arrays that packing.py wrote: base64 of deflated bytes.

/** Bytes of a deflated text. */
async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i += 1) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Float64 numbers. */
async function floats(text) {
  return new Float64Array((await inflated(text)).buffer);
}

/** A packed array (frames, count, columns): each column holds all frames, one after another. */
class Packed {
  constructor(packed, columns) {
    [this.frames, this.count, this.width] = packed.shape;
    this.low = packed.low;
    this.high = packed.high;
    this.columns = columns;
  }

  static async of(packed) {
    const bytes = await inflated(packed.data);
    const [frames, count, width] = packed.shape;
    const size = frames * count;
    const columns = [];
    for (let column = 0; column < width; column += 1) {
      const start = 2 * size * column; // all low bytes, then all high ones
      const levels = new Uint16Array(size); // sums wrap at 2^16, as the differences do
      for (let i = 0; i < size; i += 1) {
        levels[i] = bytes[start + i] + 256 * bytes[start + size + i];
        if (i >= count) levels[i] += levels[i - count];
      }
      columns.push(levels);
    }
    return new Packed(packed, columns);
  }

  /** Value between 0 and 1 of one entry, linear between two frames. */
  share(column, index, moment) {
    const levels = this.columns[column];
    const before = levels[moment.before * this.count + index];
    const after = levels[moment.after * this.count + index];
    return (before + (after - before) * moment.share) / 65535;
  }

  /** Value of one entry. */
  value(column, index, moment) {
    const span = this.high[column] - this.low[column];
    return this.low[column] + span * this.share(column, index, moment);
  }
}

/** Where a time lies between recorded ones. */
function momentIn(times, time) {
  const last = times.length - 1;
  if (last === 0 || time <= times[0]) return { before: 0, after: Math.min(1, last), share: 0 };
  if (time >= times[last]) return { before: last - 1, after: last, share: 1 };
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle;
  }
  return { before: low, after: high, share: (time - times[low]) / (times[high] - times[low]) };
}
