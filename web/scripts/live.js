// One stream of events for the whole page. It reconnects by itself and goes on behind the last event that it has seen,
// so that no event is lost. While the page is hidden for long, it is closed: browsers allow six connections to a host,
// which tabs share.
import { address, key, problemOf, refusals } from "./api.js";
import { signal } from "./store.js";

const QUIET_SECONDS = 40; // the service says something every 15 seconds
const HIDDEN_SECONDS = 60;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

// "connecting", "open", "lost" (it tries again), "closed" (the page is hidden, or nobody is logged in).
export const connection = signal("closed");

const subscribers = new Set();
let last = null; // the id of the last event
let abort = null;
let pause = FIRST_PAUSE;
let timer = null;
let heard = 0;
let wanted = false;

// Call `subscriber({type, data})` for each event. Types: those of the API; "resync" where events were missed: read anew
// what is shown. Returns a function that ends it.
export function subscribe(subscriber) {
  subscribers.add(subscriber);
  return () => subscribers.delete(subscriber);
}

function tell(event) {
  for (const each of [...subscribers]) {
    try {
      each(event);
    } catch (error) {
      console.error(error); // one view's fault must not stop the others
    }
  }
}

// Connect, and stay connected.
export function start() {
  wanted = true;
  connect();
}

// Disconnect. What was missed comes after the next `start`; after `forget`, it does not: another caller has other jobs.
export function stop({ forget = false } = {}) {
  wanted = false;
  disconnect();
  if (forget) last = null;
}

function disconnect() {
  clearTimeout(timer);
  abort?.abort();
  abort = null;
  connection.set("closed");
}

function connectNow() {
  pause = FIRST_PAUSE;
  if (wanted && !document.hidden && connection.value !== "open") {
    disconnect();
    connect();
  }
}

async function connect() {
  clearTimeout(timer);
  if (abort) return;
  const mine = (abort = new AbortController());
  connection.set(connection.value === "lost" ? "lost" : "connecting");
  try {
    await read(mine.signal);
  } catch {
    // it is tried again below
  }
  if (abort !== mine) return; // it was closed on purpose
  abort = null;
  if (!wanted) return;
  connection.set("lost");
  timer = setTimeout(connect, pause * (0.75 + Math.random() / 2));
  pause = Math.min(2 * pause, LONGEST_PAUSE);
}

async function read(signal_) {
  const headers = new Headers({ Accept: "text/event-stream" });
  if (key.value) headers.set("Authorization", `Bearer ${key.value}`);
  if (last) headers.set("Last-Event-ID", last);
  const response = await fetch(address("/v1/events/stream"), { headers, signal: signal_, cache: "no-store", credentials: "omit" });
  if (response.status === 422 || response.status === 410) {
    last = null; // the service does not know this place any more
    tell({ type: "resync" });
  }
  if (response.status === 401) refusals.refused(await problemOf(response)); // the key was revoked, or has expired
  if (!response.ok) throw new Error(response.statusText);
  heard = Date.now();
  if (last) connection.set("open");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard = Date.now();
    pause = FIRST_PAUSE;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) handle(block);
  }
}

function handle(block) {
  let type = "message";
  let id = null;
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) type = line.slice(6).trim();
    else if (line.startsWith("id:")) id = line.slice(3).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trim());
  }
  if (type === "ready") connection.set("open"); // without a place to go on from, events are told from here on
  if (type === "reset") tell({ type: "resync" });
  else if (data.length && type !== "ready") tell({ type, data: JSON.parse(data.join("\n")) });
  if (id) last = id;
}

// A laptop that slept has a dead connection which no error tells.
setInterval(() => {
  if (connection.value === "open" && Date.now() - heard > 1000 * QUIET_SECONDS) {
    disconnect();
    connection.set("lost");
    if (wanted) connect();
  }
}, 5_000);

let hiddenTimer = null;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(disconnect, 1000 * HIDDEN_SECONDS);
  else connectNow();
});
addEventListener("online", connectNow);
addEventListener("pageshow", connectNow);
