// What somebody has entered: only that, as a part of the request's body. Everything else is the recipe's or the default.
import { idempotencyKey } from "../api.js";
import { fieldsWithin } from "./schema.js";
import { valueAt } from "./resolve.js";

const STORED = "epochal.new";

export const isSaid = (values, path) => valueAt(values, path) !== undefined;

// `values` with one more.
export function say(values, [key, ...rest], value) {
  if (!rest.length) return { ...values, [key]: value };
  const part = values?.[key];
  return { ...values, [key]: say(typeof part === "object" && part !== null ? part : {}, rest, value) };
}

// `values` without what stands at `path`. A part that is empty then goes, too, unless `keep` says otherwise: `{}` can
// mean that a part is switched on.
export function unsay(values, path, keep = () => false, above = []) {
  const [key, ...rest] = path;
  if (values?.[key] === undefined) return values;
  const { [key]: part, ...others } = values;
  if (!rest.length) return others;
  const here = [...above, key];
  const left = unsay(part, rest, keep, here);
  return Object.keys(left).length || keep(here) ? { ...others, [key]: left } : others;
}

// The request's body: `values` without the fields that the parts' kinds do not have, and each part with its name, in the
// schema's order.
export function bodyOf(field, values, resolved) {
  if (typeof values !== "object" || values === null || Array.isArray(values)) return values;
  if (field.type !== "object" && field.type !== "kinds") return values;
  const body = field.type === "kinds" ? { name: values.name ?? resolved?.name } : {};
  const known = fieldsWithin(field, resolved);
  for (const inner of known) {
    if (inner.key in values) body[inner.key] = bodyOf(inner, values[inner.key], resolved?.[inner.key]);
  }
  for (const key of Object.keys(values)) {
    if (field.type !== "kinds" && !(key in body)) body[key] = values[key]; // the service says what is wrong with it
  }
  return body;
}

// Each address has a draft of its own: a form that was filled in from a job does not take the place of another.
const place = () => STORED + location.search;

// The draft of this tab at this address, or null.
export function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(place()));
  } catch {
    return null; // nothing there that could be read
  }
}

export const store = (draft) => sessionStorage.setItem(place(), JSON.stringify(draft));

export const forgetDraft = () => sessionStorage.removeItem(place());

// The key under which this body makes one job, however often it is sent: it is made once for each body, and kept with
// the draft, so that also after a reload a lost answer costs no second job.
export function keyFor(draft, text) {
  return draft.sent?.text === text ? draft.sent : { text, key: idempotencyKey() };
}
