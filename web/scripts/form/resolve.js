// What a spec means before the service says so: recipe and defaults filled in by the service's own rules. And the
// other way: what must be said so that a spec comes out.
import { fieldsWithin } from "./schema.js";

const isPart = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The value at a path, or undefined.
export const valueAt = (value, path) => path.reduce((part, key) => (isPart(part) ? part[key] : undefined), value);

// Every default filled in. undefined becomes the default, and stays undefined where there is none.
export function complete(field, given) {
  let value = given === undefined ? field.default : given;
  if (value === undefined && field.nullable) value = null;
  if (field.type !== "object" && field.type !== "kinds") return value;
  if (value === null || (value === undefined && field.required && field.type === "kinds")) return value;
  if (typeof value === "string") value = { name: value };
  if (value !== undefined && !isPart(value)) return value;
  const named = field.type === "kinds" ? { ...value, name: value?.name ?? nameOf(field.default) } : { ...value };
  for (const each of fieldsWithin(field, named)) {
    const inner = complete(each, named[each.key]);
    if (inner !== undefined) named[each.key] = inner;
  }
  return named;
}

// `value` with parts that are only a name, such as "adam", as parts that have this name.
export function spelledOut(field, value) {
  if (field.type === "kinds" && typeof value === "string") return { name: value };
  if (!isPart(value)) return value;
  const known = fieldsWithin(field, value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, known.some((one) => one.key === key) ? spelledOut(known.find((one) => one.key === key), each) : each]));
}

const nameOf = (part) => (typeof part === "string" ? part : part?.name);

// `body` with what it lacks taken from `recipe`, also within each part; where it names another kind of a part, nothing.
export function fillFromRecipe(recipe, body) {
  const merged = { ...recipe };
  for (const [key, value] of Object.entries(body)) {
    const ours = typeof recipe[key] === "string" && isPart(value) ? { name: recipe[key] } : recipe[key];
    const theirs = isPart(ours) && "name" in ours && typeof value === "string" ? { name: value } : value;
    const fills = isPart(ours) && isPart(theirs) && (theirs.name ?? ours.name) === ours.name;
    merged[key] = fills ? fillFromRecipe(ours, theirs) : value;
  }
  return merged;
}

// The whole submission that `values` stand for.
export function resolve(root, values, recipes) {
  const recipe = recipes[values.spec?.recipe]?.spec ?? {};
  return complete(root, { ...values, spec: fillFromRecipe(recipe, values.spec ?? {}) });
}

// Whether the recipe says what stands at `path` (within the spec) of the resolved spec.
export function fromRecipe(recipe, resolved, path) {
  let ours = recipe;
  let theirs = resolved;
  for (const key of path) {
    if (typeof ours === "string") ours = { name: ours };
    if (!isPart(ours) || (ours.name !== undefined && ours.name !== theirs?.name)) return false;
    ours = ours[key];
    theirs = theirs?.[key];
  }
  return ours !== undefined;
}

// What must be said over `base`, a resolved value, so that `target` comes out. undefined: nothing.
export function difference(field, target, base) {
  if (target === undefined || same(target, base)) return undefined;
  if (!isPart(target) || !["object", "kinds"].includes(field.type)) return target;
  const known = fieldsWithin(field, target);
  const other = !isPart(base) || (field.type === "kinds" && target.name !== base.name);
  const from = other ? complete({ ...field, nullable: false }, field.type === "kinds" ? { name: target.name } : {}) : base;
  const said = other && field.type === "kinds" ? { name: target.name } : {};
  for (const [key, value] of Object.entries(target)) {
    const inner = known.find((each) => each.key === key);
    const change = inner ? difference(inner, value, from[key]) : same(value, from[key]) ? undefined : value;
    if (change !== undefined) said[key] = change;
  }
  return other || Object.keys(said).length ? said : undefined;
}

// A JSON merge patch, by which a part whose name changes loses its other fields.
export function mergePatch(target, patch) {
  const merged = typeof patch.name === "string" && (target.name ?? patch.name) !== patch.name ? {} : { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = isPart(value) ? mergePatch(isPart(merged[key]) ? merged[key] : {}, value) : value;
  }
  return merged;
}

// Paths of all values within a part, with dots: what differs is shown by them.
export function leaves(value, path = []) {
  if (!isPart(value) || (path.length && Object.keys(value).length === 0)) return [[path.join("."), value]];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, [...path, key]));
}
