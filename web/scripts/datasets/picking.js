// What somebody has dropped or chosen, as a source that can be sent, and what its names tell before anything is sent.
import { FileSource, FolderSource } from "./tar.js";

const IMAGE = /\.(png|jpe?g|jfif|webp|bmp|gif|tiff?|p[bgpn]m|avif|jp2|j2k)$/i;
const ARCHIVE = /\.(zip|tar|tgz|tar\.gz|tar\.zst|tzst|npz)$/i;
const SPLIT = /^(train|training|test|testing|val|valid|validation|dev)$/i;
const TABLE = /(^|\/)labels\.(csv|jsonl)$/i;
const IDX = /idx[123]-ubyte/i;
const LONGEST_NAME = 1024;
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

// Names of entries of a drop, such as "pets/train/cat/1.png", with their files. Folders that cannot be read are named.
async function walk(entry, path, found, onProgress) {
  if (entry.isFile) {
    try {
      found.files.push({ name: path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    } catch {
      found.unreadable.push(path);
    }
    if (found.files.length % 200 === 0) onProgress(found.files.length);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    let entries;
    try {
      entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    } catch {
      found.unreadable.push(path);
      return;
    }
    if (!entries.length) return;
    await Promise.all(entries.map((each) => walk(each, `${path}/${each.name}`, found, onProgress)));
  }
}

// Of a drop event. The entries must be taken while the event is handled, before anything is awaited.
export function fromDrop(transfer, onProgress = () => {}) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  return collect(entries.filter(Boolean), onProgress);
}

async function collect(entries, onProgress) {
  if (!entries.length) return null;
  const found = { files: [], unreadable: [] };
  for (const entry of entries) {
    if (entry instanceof File) found.files.push({ name: entry.name, file: entry });
    else await walk(entry, entry.name, found, onProgress);
  }
  const isFolder = entries.length > 1 || entries[0].isDirectory;
  return picked(found, isFolder);
}

// Of an <input type="file">; with webkitdirectory, the files know their place in the folder.
export function fromInput(input) {
  const files = [...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  return files.length ? picked({ files, unreadable: [] }, input.webkitdirectory || files.length > 1) : null;
}

// A folder around everything is left out: the data set is what is in it.
function withoutOuter(files) {
  const outer = `${files[0].name.split("/", 1)[0]}/`;
  if (!files.every((each) => each.name.startsWith(outer))) return { outer: null, files };
  return { outer: outer.slice(0, -1), files: files.map(({ name, file }) => ({ name: name.slice(outer.length), file })) };
}

function picked({ files, unreadable }, isFolder) {
  if (!files.length) return { label: "", source: null, look: { files: 0, unreadable } };
  if (!isFolder) {
    const [{ file }] = files;
    const look = { files: 1, bytes: file.size, unreadable, isArchive: ARCHIVE.test(file.name), isImage: IMAGE.test(file.name) };
    return { label: file.name, name: suggested(file.name.replace(ARCHIVE, "")), source: file.size ? new FileSource(file) : null, look };
  }
  const { outer, files: inner } = withoutOuter(files);
  const refused = inner.filter((each) => fault(each.name)).map((each) => each.name);
  const look = { ...lookThrough(inner), unreadable, refused };
  return { label: outer ?? "", name: suggested(outer ?? ""), source: new FolderSource(inner), look };
}

// The name of a data set that is near to a folder's: letters, digits and hyphens.
export const suggested = (text) => text.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "").slice(0, 64);

// Names that the service refuses: with them, it refuses the whole folder.
const fault = (name) =>
  /^[A-Za-z]:/.test(name) || name.split(/[/\\]/).some((part) => /^\.{2,}$/.test(part)) || (name.length > LONGEST_NAME / 4 && new Blob([name]).size > LONGEST_NAME);

function lookThrough(files) {
  const look = { files: files.length, images: 0, bytes: 0, classes: new Map(), splits: new Set(), hasTable: false, hasArrays: false };
  for (const { name, file } of files) {
    look.bytes += file.size;
    look.hasTable ||= TABLE.test(name);
    look.hasArrays ||= IDX.test(name);
    if (!IMAGE.test(name)) continue;
    look.images += 1;
    const folders = name.split("/").slice(0, -1);
    const split = folders.find((each) => SPLIT.test(each));
    if (split) look.splits.add(split);
    const of = folders.at(-1);
    if (of !== undefined && of !== split) look.classes.set(of, (look.classes.get(of) ?? 0) + 1);
  }
  return look;
}
