// Who asks: the key, what it may, whose it is.
import { get, key, refusals } from "./api.js";
import { signal } from "./store.js";

const STORED = "epochal.key";
const AGAIN = 3000; // milliseconds until a service that was not reached is asked again

// state: "loading", "ready", "login" (a key is wanted), or "unreachable". `problem` says why.
export const session = signal({ state: "loading", caller: null, problem: null });

const SCOPES = ["read", "train", "admin"]; // each includes those before it

// Whether the caller's key has a scope: "read", "train" or "admin". Where no key is wanted, everybody has all.
export const may = (scope, caller = session.value.caller) =>
  Boolean(caller && (!caller.keys_required || caller.key?.scopes.some((each) => SCOPES.indexOf(each) >= SCOPES.indexOf(scope))));

export const storedKey = () => sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED);

// Read who the caller is. A key that is refused is forgotten; a service that cannot be reached is asked until it answers.
export async function begin() {
  key.set(storedKey());
  refusals.refused = (problem) => {
    if (session.value.state === "ready") forget(key.value ? problem : null);
  };
  try {
    session.set({ state: "ready", caller: await get("/v1/caller"), problem: null });
  } catch (problem) {
    if (problem.status === 401) forget(key.value ? problem : null);
    else {
      session.set({ state: "unreachable", caller: null, problem });
      setTimeout(() => session.value.state === "unreachable" && session.value.problem === problem && begin(), AGAIN);
    }
  }
}

// Use a key from now on: for this tab, or with `keep` until it is forgotten. Throws the Problem where it is refused.
export async function login(value, keep) {
  const before = key.value;
  key.set(value);
  try {
    const caller = await get("/v1/caller");
    (keep ? localStorage : sessionStorage).setItem(STORED, value);
    session.set({ state: "ready", caller, problem: null });
  } catch (problem) {
    key.set(before);
    throw problem;
  }
}

// Forget the key and ask for another. `problem` says why, where it was refused.
export function forget(problem = null) {
  sessionStorage.removeItem(STORED);
  localStorage.removeItem(STORED);
  key.set(null);
  session.set({ state: "login", caller: null, problem });
}
