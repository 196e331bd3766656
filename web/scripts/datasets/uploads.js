// Uploads that go on: part by part to /v1/uploads, from wherever the service stands. They belong to the page and not to a
// view: one can look at something else meanwhile. After the page was closed, the same folder or file goes on where it was.
import { Problem, del, fetchResponse, get, key, post } from "../api.js";
import { signal } from "../store.js";
import { hash } from "./tar.js";

const STORED = "epochal.uploads"; // ids and names; never the key
const KEPT_DAYS = 7;
const SMALLEST_PART = 2 ** 18;
const FIRST_PART = 2 ** 20;
const LARGEST_PART = 8 * 2 ** 20;
const PART_SECONDS = 1;
const LONGEST_PAUSE = 10_000;
const PASSING = new Set([0, 401, 408, 425, 429, 500, 502, 503, 504]);

// All uploads of this page: {id, dataset, label, bytes, sent, speed, state, problem, version}. state: "sending",
// "waiting" (for the service), "failed", "complete".
export const uploads = signal([]);

const running = new Map(); // by number: {source, abort, wake}
let count = 0;

const change = (number, values) => uploads.update((old) => old.map((each) => (each.number === number ? { ...each, ...values } : each)));
const find = (number) => uploads.value.find((each) => each.number === number);

// What was begun in this browser and is not over, by fingerprint.
export function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED)) ?? {};
    const since = Date.now() - KEPT_DAYS * 86_400_000;
    return Object.fromEntries(Object.entries(found).filter(([, each]) => each.at > since));
  } catch {
    return {};
  }
}

function remember(upload, id) {
  const all = remembered();
  const { dataset, label, bytes, fraction, seed, isFolder } = upload;
  if (id) all[upload.fingerprint] = { id, dataset, label, bytes, fraction, seed, isFolder, at: Date.now() };
  else delete all[upload.fingerprint];
  localStorage.setItem(STORED, JSON.stringify(all));
}

// Forget what was begun here as `id`.
export function forgetUpload(id) {
  const all = Object.entries(remembered()).filter(([, each]) => each.id !== id);
  localStorage.setItem(STORED, JSON.stringify(Object.fromEntries(all)));
}

const fingerprintOf = (source, { dataset, fraction, seed }) => `${source.fingerprint}-${hash(`${dataset}/${fraction}/${seed}`)}`;

// What was begun of the same folder or file, into whichever data set.
export const begunOf = (source) => Object.entries(remembered()).find(([each]) => each.startsWith(`${source.fingerprint}-`))?.[1] ?? null;

// Send a source as the next version of a data set. Returns the upload's number on this page.
export function begin(source, { dataset, label, fraction, seed }) {
  const number = (count += 1);
  const fingerprint = fingerprintOf(source, { dataset, fraction, seed });
  const known = remembered()[fingerprint];
  const upload = { number, fingerprint, dataset, label, fraction, seed, isFolder: Boolean(source.files), bytes: source.size, id: known?.id ?? null };
  uploads.update((old) => [...old, { ...upload, sent: 0, speed: null, state: "sending", problem: null, version: null }]);
  running.set(number, { source });
  go(number);
  return number;
}

// Try a failed one again, from where it stands.
export function goOn(number) {
  change(number, { state: "sending", problem: null });
  go(number);
}

// Give it up: what has arrived is deleted.
export async function discard(number) {
  const upload = find(number);
  running.get(number)?.abort?.abort();
  try {
    if (upload.id) await del(`/v1/uploads/${upload.id}`);
  } catch (problem) {
    if (problem.status !== 404) {
      change(number, { state: "failed", problem, speed: null });
      throw problem;
    }
  }
  remember(upload, null);
  dismiss(number);
}

// Take it out of the list.
export function dismiss(number) {
  running.delete(number);
  uploads.update((old) => old.filter((each) => each.number !== number));
}

// A file that has changed since it was chosen, or is gone.
const changed = (name) => Object.assign(new Problem(-1, { code: "file_changed" }), { name });

async function go(number) {
  const mine = running.get(number);
  mine.abort = new AbortController();
  const sending = { part: FIRST_PART, largest: LARGEST_PART, pause: 500 };
  while (running.get(number) === mine) {
    try {
      await stand(number, mine);
      await sendRest(number, mine, sending);
      return;
    } catch (problem) {
      if (mine.abort.signal.aborted || running.get(number) !== mine) return;
      if (!(await passes(number, mine, problem, sending))) return;
    }
  }
}

// Whether an error passes by itself, after having waited for that.
async function passes(number, mine, problem, sending) {
  if (problem.code === "mismatching_upload_offset" || problem.code === "upload_complete") return true;
  if (problem.status === 404 && problem.code === "upload_not_found") {
    remember(find(number), null);
    change(number, { id: null, sent: 0 });
    return true;
  }
  if (problem.status === 413 && problem.code !== "upload_too_large" && sending.part > SMALLEST_PART) {
    sending.part = sending.largest = Math.max(SMALLEST_PART, sending.part / 2);
    return true;
  }
  if (!PASSING.has(problem.status)) {
    change(number, { state: "failed", problem, speed: null });
    return false;
  }
  change(number, { state: "waiting", problem, speed: null });
  await pauseFor(sending.pause, mine, problem.status === 401);
  sending.pause = Math.min(2 * sending.pause, LONGEST_PAUSE);
  return true;
}

// Wait; not longer than until the network is there again, or where a key is wanted, until there is one.
function pauseFor(milliseconds, mine, forKey) {
  return new Promise((resolve) => {
    const ends = [];
    const end = () => {
      for (const each of ends) each();
      resolve();
    };
    const timer = forKey ? null : setTimeout(end, milliseconds * (0.75 + Math.random() / 2));
    addEventListener("online", end);
    mine.abort.signal.addEventListener("abort", end);
    ends.push(() => clearTimeout(timer), () => removeEventListener("online", end), () => mine.abort.signal.removeEventListener("abort", end));
    if (forKey) ends.push(key.subscribe(end));
  });
}

// How the upload stands at the service; where there is none, it is begun.
async function stand(number, mine) {
  const upload = find(number);
  const given = { signal: mine.abort.signal };
  let at = null;
  if (upload.id) at = await get(`/v1/uploads/${upload.id}`, {}, given);
  else if (mine.asked) at = await unansweredBegin(upload, given);
  if (!at) {
    mine.asked = true;
    at = await post("/v1/uploads", { dataset: upload.dataset, bytes: upload.bytes, test_fraction: upload.fraction, seed: upload.seed }, given);
  }
  remember(upload, at.id);
  change(number, { id: at.id, sent: at.received_bytes, state: "sending", problem: null });
}

// The upload that a request has begun whose answer was lost.
async function unansweredBegin(upload, given) {
  const { data } = await get("/v1/uploads", { limit: 20 }, given);
  const taken = new Set(uploads.value.map((each) => each.id));
  return data.find((each) => each.status === "uploading" && each.received_bytes === 0 && each.dataset === upload.dataset && each.bytes === upload.bytes && each.test_fraction === upload.fraction && each.seed === upload.seed && !taken.has(each.id));
}

async function sendRest(number, mine, sending) {
  const upload = find(number);
  let at = upload.sent;
  let speed = null;
  while (at < upload.bytes) {
    const end = Math.min(at + sending.part, upload.bytes);
    let content;
    try {
      content = await mine.source.slice(at, end).arrayBuffer();
    } catch {
      throw changed(upload.label);
    }
    const begun = performance.now();
    const response = await fetchResponse("PATCH", `/v1/uploads/${upload.id}`, {
      raw: content,
      signal: mine.abort.signal,
      headers: { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(at) },
    });
    const seconds = Math.max(0.001, (performance.now() - begun) / 1000);
    const now = (end - at) / seconds;
    speed = speed === null ? now : 0.7 * speed + 0.3 * now;
    at = Number(response.headers.get("Upload-Offset") ?? end);
    sending.pause = 500;
    sending.part = Math.round(Math.min(sending.largest, Math.max(SMALLEST_PART, PART_SECONDS * now)));
    change(number, { sent: at, speed, state: "sending", problem: null });
  }
  const { version } = await get(`/v1/uploads/${upload.id}`, {}, { signal: mine.abort.signal });
  remember(upload, null);
  running.delete(number);
  change(number, { state: "complete", version, speed: null });
}

// Closing the tab would break it off.
addEventListener("beforeunload", (event) => {
  if (uploads.value.some((each) => each.state === "sending" || each.state === "waiting")) event.preventDefault();
});
