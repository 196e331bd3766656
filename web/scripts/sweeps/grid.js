// What is written into the form of a sweep, as values.

const CLOSING = { "[": "]", "{": "}" };

// Split at commas that stand in no brackets and no quotation marks.
function parts(text) {
  const found = [];
  const open = [];
  let quoted = false;
  let part = "";
  for (const [at, letter] of [...text].entries()) {
    if (letter === '"' && [...text][at - 1] !== "\\") quoted = !quoted;
    else if (!quoted && CLOSING[letter]) open.push(CLOSING[letter]);
    else if (!quoted && letter === open.at(-1)) open.pop();
    if (/[,，;\n]/.test(letter) && !quoted && !open.length) {
      found.push(part);
      part = "";
    } else part += letter;
  }
  return [...found, part].map((each) => each.trim()).filter(Boolean);
}

// A value as JSON says it, or else a word: 0.1, true, null, {"name": "adamw"}, sgd, .5, 1e-3.
function valueOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  }
}

// "0.1, 0.01, adamw" as [0.1, 0.01, "adamw"].
export const readValues = (text) => parts(text).map(valueOf);

// {space, jobs} of the form's rows, each {path, text}; rows that are empty are left out.
export function readGrid(rows) {
  const filled = rows.filter((row) => row.path.trim() && row.text.trim());
  const space = Object.fromEntries(filled.map((row) => [row.path.trim(), readValues(row.text)]));
  return { space, jobs: filled.length ? Object.values(space).reduce((product, values) => product * values.length, 1) : 0 };
}

// Every field of a resolved spec by its path, with its value: ["optimizer.learning_rate", 0.05].
export function fieldsOf(spec, prefix = "") {
  return Object.entries(spec).flatMap(([name, value]) => {
    const path = prefix + name;
    if (value === null || typeof value !== "object" || Array.isArray(value)) return [[path, value]];
    return [...("name" in value ? [[path, value.name]] : []), ...fieldsOf(value, `${path}.`).filter(([each]) => !each.endsWith(".name"))];
  });
}

// A spec with a value at a path. Where a part is there by its name alone, its fields can be set all the same.
export function withValue(spec, path, value) {
  const [field, ...rest] = path.split(".");
  if (!rest.length) return { ...spec, [field]: value };
  const inner = spec[field];
  const part = inner && typeof inner === "object" && !Array.isArray(inner) ? inner : typeof inner === "string" ? { name: inner } : {};
  return { ...spec, [field]: withValue(part, rest.join("."), value) };
}

// A spec with the first values of a grid: whole parts first.
export const firstOf = (spec, space) => Object.keys(space).sort((a, b) => a.split(".").length - b.split(".").length)
  .reduce((made, path) => (space[path].length ? withValue(made, path, space[path][0]) : made), spec);

// A spec in which every part of which a field varies is named, as fields of a part that has no name mean nothing:
// `resolved` says the names.
export function withNames(spec, space, resolved) {
  const varied = Object.keys(space).filter((path) => path.includes(".")).map((path) => path.split(".")[0]);
  const nameless = varied.filter((field) => spec[field] === undefined && !(field in space) && resolved[field]?.name !== undefined);
  return { ...spec, ...Object.fromEntries(nameless.map((field) => [field, { name: resolved[field].name }])) };
}

// Grids of one job each for the values that are of another kind than the first of their field: {path, place, space}.
export const oddValues = (space) => Object.entries(space).flatMap(([path, values]) =>
  values.map((value, place) => ({ path, place, space: { ...space, [path]: [value] } })).filter(({ place }) => typeof values[place] !== typeof values[0]));

// The errors of the API by place: {name, grid, rows: {path: [text]}, values: {path: Set of places}, spec: [text]}.
export function errorsByPlace(problem) {
  const found = { name: [], grid: [], rows: {}, spec: [], base: {} };
  for (const { pointer = "", detail } of problem?.errors?.length ? problem.errors : problem ? [{ detail: problem.detail || problem.message }] : []) {
    const [, part, path, place] = pointer.replace(/^#/, "").split("/");
    if (part === "name") found.name.push(detail);
    else if (part === "space" && path) (found.rows[path] ??= []).push({ detail, place: place === undefined ? null : Number(place) });
    else if (part === "space") found.grid.push(detail);
    else if (part === "spec" && ["dataset", "epochs"].includes(path)) (found.base[path] ??= []).push(detail);
    else found.spec.push(pointer.startsWith("#/spec/") ? `${pointer.slice(7).replaceAll("/", ".")}: ${detail}` : detail);
  }
  return found;
}
