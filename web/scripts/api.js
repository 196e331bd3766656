// Requests to the API: with the caller's key, with retries where they are safe, with errors that say what happened.
import { signal } from "./store.js";

const ROOT = document.documentElement.dataset.root;
const RETRIES = 3;
const RETRIED = new Set([408, 429, 502, 503, 504]);

// The key, or null. It is sent as a header alone and never stands in an address.
export const key = signal(null);

// Called with a Problem of status 401: the session asks for a key.
export const refusals = { refused: () => {} };

// An error of the API (RFC 9457), or of the way to it: then `code` is "unreachable" and `status` 0.
export class Problem extends Error {
  constructor(status, { code = "unreachable", title = "", detail = "", errors = [], request_id = null, ...rest } = {}) {
    super(detail || title);
    Object.assign(this, { status, code, title, detail, errors, requestId: request_id, rest });
  }
}

// A path of the API as the browser reaches it: links in answers have the root path already.
export function address(path) {
  return ROOT && !path.startsWith(`${ROOT}/`) ? ROOT + path : path;
}

// {a: 1, b: [2, 3], c: null} as "?a=1&b=2&b=3"; empty values are left out.
export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") search.append(name, each);
    }
  }
  const text = search.toString();
  return text && `?${text}`;
}

const wait = (milliseconds, signal_) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal_?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal_.reason);
    });
  });

// What an answer says that is not a success.
export async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    body = { code: "no_problem", title: response.statusText };
  }
  return new Problem(response.status, body);
}

function options(method, { body, raw, headers = {}, signal: signal_, keepalive = false }) {
  const sent = new Headers(headers);
  if (key.value) sent.set("Authorization", `Bearer ${key.value}`);
  if (body !== undefined) sent.set("Content-Type", method === "PATCH" ? "application/merge-patch+json" : "application/json");
  return { method, headers: sent, body: body === undefined ? raw : JSON.stringify(body), signal: signal_, keepalive, cache: "no-cache", credentials: "omit" };
}

// The Response of a request, or a Problem that is thrown. GET is tried again after connection errors, 408, 429, 502 to
// 504; so is what has an idempotency key. `raw` is a body that is no JSON; with `keepalive` it is sent although the page is
// left.
export async function fetchResponse(method, path, given = {}) {
  const repeatable = method === "GET" || given.headers?.["Idempotency-Key"];
  for (let attempt = 0; ; attempt += 1) {
    let problem;
    let pause = 300 * 2 ** attempt;
    try {
      const response = await fetch(address(path), options(method, given));
      if (response.ok || response.status === 304) return response;
      problem = await problemOf(response);
      pause = Math.max(pause, 1000 * Number(response.headers.get("Retry-After") ?? 0));
      if (response.status === 401) refusals.refused(problem);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      problem = new Problem(0);
    }
    const again = repeatable && attempt < RETRIES && (problem.status === 0 || RETRIED.has(problem.status)) && pause < 10_000;
    if (!again) throw problem;
    await wait(pause * (0.75 + Math.random() / 2), given.signal);
  }
}

async function json(method, path, given) {
  const response = await fetchResponse(method, path, given);
  return response.status === 204 ? null : response.json();
}

// get("/v1/jobs", {status: ["running"]}, {signal}) and so on: the answer's JSON.
export const get = (path, parameters = {}, given = {}) => json("GET", path + query(parameters), given);
export const post = (path, body, given = {}) => json("POST", path, { body, ...given });
export const put = (path, body, given = {}) => json("PUT", path, { body, ...given });
export const patch = (path, body, given = {}) => json("PATCH", path, { body, ...given });
export const del = (path, given = {}) => json("DELETE", path, given);

// The answer as text.
export async function text(path, parameters = {}, given = {}) {
  return (await fetchResponse("GET", path + query(parameters), given)).text();
}

// A key under which a POST makes one thing, however often it is sent. (crypto.randomUUID wants https.)
export const idempotencyKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");

// Every page of a list, one after the other: for await (const rows of pages("/v1/datasets")) …
export async function* pages(path, parameters = {}, given = {}) {
  let next = path + query(parameters);
  while (next) {
    const page = await json("GET", next, given);
    yield page.data;
    next = page.has_more ? page.next : null;
  }
}

// All rows of a list.
export async function all(path, parameters = {}, given = {}) {
  const rows = [];
  for await (const page of pages(path, parameters, given)) rows.push(...page);
  return rows;
}

let collecting = null;

// The address of a file for <img> and downloads, which can send no header: a link that is valid for one minute and one
// file. All that are asked for at one moment are made in one request.
export function fileAddress(path) {
  if (!key.value) return Promise.resolve(address(path));
  if (!collecting) {
    const paths = [];
    const made = Promise.resolve().then(async () => {
      collecting = null;
      const found = new Map();
      for (let at = 0; at < paths.length; at += 100) {
        const { data } = await post("/v1/links", { paths: paths.slice(at, at + 100) });
        for (const each of data) found.set(each.path, address(each.url));
      }
      return found;
    });
    collecting = { paths, made };
  }
  const bare = ROOT && path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length) : path;
  if (!collecting.paths.includes(bare)) collecting.paths.push(bare);
  return collecting.made.then((found) => found.get(bare));
}

// Have the browser save the file at `path`.
export async function download(path, name = "") {
  const link = document.createElement("a");
  link.href = await fileAddress(path);
  link.download = name;
  link.click();
}
