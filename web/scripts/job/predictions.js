// What the network gave to each image of a split, from the file that the job has stored (safetensors).
import { fetchResponse } from "../api.js";

const LARGEST = 24 * 2 ** 20; // bytes: a larger file is not read into the page
const SPLITS = ["train", "test"];
const ID_BYTES = 8; // of an image's digest: its id in an uploaded data set

export const canRead = (job) => Boolean(job.predictions) && job.predictions.size_bytes <= LARGEST;

const hex = (bytes) => Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");

function parse(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const array = (name, Kind) => new Kind(buffer.slice(...header[name].data_offsets.map((offset) => 8 + length + offset)));
  return {
    classes: header.probabilities.shape[1],
    probabilities: array("probabilities", Float32Array),
    labels: array("labels", Int32Array),
    digests: array("digests", Uint8Array),
    splits: array("splits", Uint8Array),
  };
}

// [{image, label, predicted, probability, labelProbability}] of the images of `split`; label and predicted are numbers
// of classes. Images for which the network gave no numbers are left out.
function outcomes({ classes, probabilities, labels, digests, splits }, split) {
  const found = [];
  const wanted = SPLITS.indexOf(split);
  for (let at = 0; at < labels.length; at += 1) {
    if (splits[at] !== wanted) continue;
    const row = probabilities.subarray(at * classes, (at + 1) * classes);
    let predicted = 0;
    for (let each = 1; each < classes; each += 1) if (row[each] > row[predicted]) predicted = each;
    if (Number.isNaN(row[predicted]) || row.some(Number.isNaN)) continue;
    const image = hex(digests.subarray(at * 32, at * 32 + ID_BYTES));
    found.push({ image, label: labels[at], predicted, probability: row[predicted], labelProbability: row[labels[at]] });
  }
  return found;
}

const kept = new Map(); // the last file that was read, by its address

export async function predictionsOf(job, split, signal) {
  const path = job.predictions.download;
  const name = `${path} ${split}`;
  if (!kept.has(name)) {
    const response = await fetchResponse("GET", path, { signal });
    const found = outcomes(parse(await response.arrayBuffer()), split);
    kept.clear();
    kept.set(name, found);
  }
  return kept.get(name);
}
