// All jobs of the caller as short rows (GET /v1/job-summaries), kept up to date by the stream of events. Read once for
// the whole page: the newest at once, older ones in the background, up to MOST.
//
//   start()           reads them, if they are not read yet or if that has failed
//   row(id)           one row as the API has it, or undefined. Rows are never changed: a change makes another object
//   rows()            all of them, the newest first
//   partsOf(parent)   those of a sweep or an audit, or the repeats of a job, the newest first
//   subscribe(fn)     fn({changed, listed}), at most four times a second: `changed` maps ids to the rows as they were when
//                     it was last told; `listed` says that rows came or went. Returns a function that ends it
//   useRow(id)        a hook: the row, drawn again when it changes
//   state             a signal: {phase: "idle" | "loading" | "reading" | "complete" | "failed", problem, more}; `more`: there
//                     are jobs older than those that are read
//   need(ids)         read these again
//   readParts(parent) read all parts of a parent, however old they are
//   hide(ids), reveal(ids)   for what is deleted unless it is undone
import { get, pages } from "./api.js";
import { useLayoutEffect, useReducer } from "./dom.js";
import { connection, subscribe as listen } from "./live.js";
import { session } from "./session.js";
import { signal, throttle } from "./store.js";
import { Looks, applied, outdates } from "./jobs/events.js";

const PATH = "/v1/job-summaries";
const FIRST = 100;
const PAGE = 500;
const MOST = 20_000;
const BATCH = 100; // as many ids as one request takes
const AGAIN = 5000; // milliseconds until what has failed is tried again
const LONG = 60_000; // milliseconds without the stream, after which all is read again

export const state = signal({ phase: "idle", problem: null, more: false });

const known = new Map(); // id → row
const parts = new Map(); // parent → ids
const hidden = new Set();
const subscribers = new Set();
let order = []; // ids, the newest first
let shown = null; // rows(), until one changes
let round = 0; // of reading all; a new one ends the one before
let seen = null; // ids that the present round has found
let stopListening = null;

// ---- what has changed

let changed = new Map();
let listed = false;

const tell = throttle(() => {
  const news = { changed, listed };
  changed = new Map();
  listed = false;
  for (const each of [...subscribers]) each(news);
}, 250);

export function subscribe(subscriber) {
  subscribers.add(subscriber);
  return () => subscribers.delete(subscriber);
}

export function useRow(id) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useLayoutEffect(() => {
    start();
    return subscribe((news) => news.changed.has(id) && redraw()); // at once: what changes in between would not be told
  }, [id]);
  return known.get(id);
}

// ---- the rows

// Where an id is in `order`, or would be. Ids ascend with time.
function placeOf(id) {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle] > id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function put(next) {
  const { id, parent } = next;
  const before = known.get(id);
  known.set(id, next);
  shown = null;
  if (!before) {
    order.splice(placeOf(id), 0, id);
    if (parent) parts.set(parent, (parts.get(parent) ?? new Set()).add(id));
    listed = true;
  }
  if (!changed.has(id)) changed.set(id, before);
  seen?.add(id);
  tell();
}

function remove(id) {
  const before = known.get(id);
  if (!before) return;
  known.delete(id);
  hidden.delete(id);
  order.splice(placeOf(id), 1);
  const others = parts.get(before.parent);
  others?.delete(id);
  if (others?.size === 0) parts.delete(before.parent);
  if (!changed.has(id)) changed.set(id, before);
  shown = null;
  listed = true;
  tell();
}

export const row = (id) => known.get(id);
export const rows = () => (shown ??= order.filter((id) => !hidden.has(id)).map((id) => known.get(id)));
export const partsOf = (parent) => [...(parts.get(parent) ?? [])].sort().reverse().map((id) => known.get(id));

function setHidden(ids, change) {
  ids.forEach(change);
  shown = null;
  listed = true;
  tell();
}
export const hide = (ids) => setHidden(ids, (id) => hidden.add(id));
export const reveal = (ids) => setHidden(ids, (id) => hidden.delete(id));

// ---- reading

// Events that came while an answer was under way may be newer than what it says: they are applied to it once more.
const flights = new Set();
const heard = new Map(); // id → [{at, event}]
let clock = 0;

function merge(fetched, since) {
  let current = fetched;
  for (const { at, event } of heard.get(fetched.id) ?? []) {
    if (at > since && current) current = applied(current, event);
  }
  if (current) put(current);
  else remove(fetched.id);
}

async function fly(request, mine = round) {
  const flight = { since: clock };
  flights.add(flight);
  try {
    const answer = await request();
    if (mine !== round) return null; // another caller's, or read anew meanwhile
    for (const each of answer.data) merge(each, flight.since);
    return answer;
  } finally {
    flights.delete(flight);
    if (!flights.size) heard.clear();
  }
}

const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const cursor = (page) => new URLSearchParams(page.next.split("?")[1]).get("after");

async function readAll() {
  const mine = (round += 1);
  seen = new Set();
  state.set({ phase: known.size ? "reading" : "loading", problem: null, more: false });
  try {
    let page = await fly(() => get(PATH, { limit: FIRST }), mine);
    while (page?.has_more && seen.size < MOST) {
      state.set({ phase: "reading", problem: null, more: true });
      const after = cursor(page);
      await rest(60);
      page = await fly(() => get(PATH, { limit: PAGE, after }), mine);
    }
    if (page) finish(page);
  } catch (problem) {
    if (mine !== round) return;
    state.set({ phase: "failed", problem, more: true });
    setTimeout(() => mine === round && state.value.phase === "failed" && readAll(), AGAIN);
  }
}

// All is read: what was not found is not there any more.
function finish(page) {
  const last = page.has_more ? page.data.at(-1).id : "";
  for (const id of [...known.keys()]) {
    if (!seen.has(id) && id >= last) remove(id);
  }
  seen = null;
  state.set({ phase: "complete", problem: null, more: page.has_more });
}

let wanted = new Set();
let rereading = false;

export function need(ids) {
  ids.forEach((id) => wanted.add(id));
  if (!rereading && wanted.size) reread();
}

async function reread() {
  rereading = true;
  while (wanted.size) {
    await rest(200); // what comes together is read together
    const ids = [...wanted].slice(0, BATCH);
    ids.forEach((id) => wanted.delete(id));
    try {
      const mine = round;
      const answer = await fly(() => get(PATH, { id: ids, limit: BATCH }), mine);
      const found = new Set(answer?.data.map((each) => each.id));
      if (answer) ids.forEach((id) => found.has(id) || remove(id));
    } catch (problem) {
      if (problem.status === 0 || problem.status >= 500) ids.forEach((id) => wanted.add(id));
      await rest(AGAIN);
    }
  }
  rereading = false;
}

export async function readParts(parent) {
  const since = clock;
  for await (const page of pages(PATH, { parent, limit: PAGE })) page.forEach((each) => merge(each, since));
}

// ---- the stream

const looks = new Looks();

function hear(event) {
  if (event.type === "resync") {
    readAll();
    return;
  }
  const id = event.data?.job_id;
  if (!id) return;
  clock += 1;
  if (flights.size) (heard.get(id) ?? heard.set(id, []).get(id)).push({ at: clock, event });
  const before = known.get(id);
  const after = before && applied(before, event);
  if (event.type === "deleted") remove(id);
  else if (after !== before) put(after);
  const isDue = looks.isDue(id, event);
  if (event.type !== "deleted" && (!before || isDue || outdates(before, after, event))) need([id]);
}

export function start() {
  if (session.value.state !== "ready") return;
  if (stopListening) {
    if (state.value.phase === "failed") readAll();
    return;
  }
  stopListening = listen(hear);
  heardSince = connection.value === "open";
  readAll();
}

let heardSince = false; // whether events are told since the reading began
let away = null; // when the stream was lost

// Read the newest again: deletions and changes of names are told to those alone who listen.
async function readNewest() {
  const known_ = order.slice();
  const page = await fly(() => get(PATH, { limit: FIRST }));
  if (!page) return;
  const found = new Set(page.data.map((each) => each.id));
  const last = page.has_more ? page.data.at(-1).id : "";
  known_.filter((id) => id >= last && !found.has(id)).forEach(remove);
}

// What was read before the stream told of events, or while it was lost, may have changed in between. What could not be
// read is read as soon as the service is there again.
connection.subscribe((now) => {
  if (!stopListening) return;
  if (now !== "open") {
    away ??= Date.now();
    return;
  }
  const isLate = heardSince ? away !== null && Date.now() - away > LONG : !(seen && seen.size <= FIRST);
  if (state.value.phase === "failed" || isLate) readAll();
  else readNewest().catch(() => {}); // the next connection tries again
  heardSince = true;
  away = null;
});

// Another caller has other jobs.
session.subscribe(({ state: now }) => {
  if (now === "ready" || !stopListening) return;
  stopListening();
  stopListening = away = null;
  round += 1;
  for (const each of [known, parts, hidden, wanted, heard, changed, looks]) each.clear();
  order = [];
  shown = seen = null;
  state.set({ phase: "idle", problem: null, more: false });
});
