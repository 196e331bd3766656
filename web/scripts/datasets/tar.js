// What is uploaded: a file as it is, or a folder as one tar that is made while it is read. Any part of it can be read at
// any time, and no copy of it is kept. The files are in the order of their names and have no times and owners: the same
// folder is always the same tar, so that an upload of it can go on after the page was closed. It is the same to the byte
// as that of the Python client.

const BLOCK = 512;
const RECORD = 20 * BLOCK; // a tar is filled up with zeros to whole records
const LONGEST_PLAIN_NAME = 100;
const LARGEST_PLAIN_SIZE = 8 ** 11 - 1;

const encoder = new TextEncoder();
const padding = (size) => (BLOCK - (size % BLOCK)) % BLOCK;
const padded = (size) => size + padding(size);

function write(block, at, text) {
  for (let n = 0; n < text.length; n += 1) block[at + n] = text.charCodeAt(n);
}

// A header of ustar, without time and owner. `type`: "0" a file, "x" what is said of the next member.
function ustar(name, size, type) {
  const block = new Uint8Array(BLOCK);
  block.set(name.subarray(0, LONGEST_PLAIN_NAME));
  const fields = [[100, 8, type === "0" ? 0o644 : 0], [108, 8, 0], [116, 8, 0], [124, 12, size > LARGEST_PLAIN_SIZE ? 0 : size], [136, 12, 0]];
  for (const [at, length, value] of fields) write(block, at, value.toString(8).padStart(length - 1, "0"));
  write(block, 148, "        ");
  write(block, 156, type);
  write(block, 257, "ustar\0" + "00");
  let sum = 0;
  for (const each of block) sum += each;
  write(block, 148, `${sum.toString(8).padStart(6, "0")}\0`);
  return block;
}

// "30 path=…\n", which counts its own length.
function record(key, value) {
  const rest = encoder.encode(` ${key}=${value}\n`);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  const whole = new Uint8Array(length);
  whole.set(encoder.encode(String(length)));
  whole.set(rest, length - rest.length);
  return whole;
}

const isPlain = (name, size) => name.length <= LONGEST_PLAIN_NAME && size <= LARGEST_PLAIN_SIZE && /^[\x00-\x7f]*$/.test(name);

function header(name, size) {
  const encoded = encoder.encode(name);
  if (isPlain(name, size)) return ustar(encoded, size, "0");
  const said = [record("path", name), ...(size > LARGEST_PLAIN_SIZE ? [record("size", size)] : [])];
  const length = said.reduce((total, each) => total + each.length, 0);
  const whole = new Uint8Array(2 * BLOCK + padded(length));
  whole.set(ustar(encoder.encode("././@PaxHeader"), length, "x"));
  let at = BLOCK;
  for (const each of said) {
    whole.set(each, at);
    at += each.length;
  }
  whole.set(ustar(encoder.encode(name.replace(/[^\x00-\x7f]/gu, "?")), size, "0"), whole.length - BLOCK);
  return whole;
}

const headerSize = (name, size) => (isPlain(name, size) ? BLOCK : header(name, size).length);

// 53 bits of a text: whether a folder is the same as before, told by names, sizes and times, without reading it.
export function hash(text, seed = 0) {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let n = 0; n < text.length; n += 1) {
    const code = text.charCodeAt(n);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

// A file as it is.
export class FileSource {
  constructor(file) {
    this.file = file;
    this.size = file.size;
    this.fingerprint = `file-${hash(`${file.name}/${file.lastModified}`)}-${file.size}`;
  }

  slice(from, to) {
    return this.file.slice(from, to);
  }
}

const byParts = ({ key: a }, { key: b }) => (a < b ? -1 : a > b ? 1 : 0);

// A folder as one tar: `files` is [{name, file}], names with slashes.
export class FolderSource {
  constructor(files) {
    const sorted = files.map((each) => ({ ...each, key: each.name.replaceAll("/", "\0") })).sort(byParts);
    this.files = sorted;
    this.starts = new Float64Array(sorted.length + 1);
    let at = 0;
    let told = 0;
    for (const [row, { name, file }] of sorted.entries()) {
      this.starts[row] = at;
      at += headerSize(name, file.size) + padded(file.size);
      told = hash(`${name}/${file.size}/${file.lastModified}`, told);
    }
    this.starts[sorted.length] = at;
    this.size = RECORD * Math.ceil((at + 2 * BLOCK) / RECORD);
    this.fingerprint = `folder-${told}-${this.size}`;
  }

  // The bytes from `from` up to `to`, as a Blob whose files are read when it is.
  slice(from, to) {
    const parts = [];
    const end = this.starts.at(-1);
    const last = Math.min(to, this.size);
    for (let row = this.rowAt(from); row < this.files.length && this.starts[row] < last; row += 1) this.addMember(parts, row, from, last);
    const zeros = last - Math.max(from, end);
    if (zeros > 0) parts.push(new Uint8Array(zeros));
    return new Blob(parts);
  }

  rowAt(at) {
    let low = 0;
    let high = this.files.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle + 1] <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  addMember(parts, row, from, to) {
    const { name, file } = this.files[row];
    const head = header(name, file.size);
    let at = this.starts[row];
    for (const piece of [head, file, new Uint8Array(padding(file.size))]) {
      const length = piece.size ?? piece.length;
      const begin = Math.max(0, from - at);
      const end = Math.min(length, to - at);
      if (begin < end) parts.push(begin === 0 && end === length ? piece : piece.slice(begin, end));
      at += length;
    }
  }
}
