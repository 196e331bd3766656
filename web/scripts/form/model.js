// What the form's parts share: the fields, what is said, what comes out of it, and what is wrong.
import { createContext, useContext } from "../dom.js";
import { isSaid, say, unsay } from "./draft.js";
import { fieldsWithin } from "./schema.js";
import { fromRecipe, same, resolve, valueAt } from "./resolve.js";

export const Model = createContext(null);
export const useModel = () => useContext(Model);

// "#/spec/optimizer/learning_rate" as a path.
export const pathOf = (pointer) =>
  decodeURIComponent((pointer ?? "").replace(/^#/, ""))
    .split("/")
    .slice(1)
    .map((each) => each.replaceAll("~1", "/").replaceAll("~0", "~"));

// Every field that is shown as things are, by its name.
export function shownFields(field, value, found = new Map()) {
  for (const each of fieldsWithin(field, value)) {
    found.set(each.name, each);
    shownFields(each, value?.[each.key], found);
  }
  return found;
}

// The errors by the name of the field that they belong to: of the field itself, or of the nearest around it.
export function errorsByField(errors, shown) {
  const found = new Map();
  for (const each of errors) {
    const path = pathOf(each.pointer);
    while (path.length && !shown.has(path.join("."))) path.pop();
    const name = path.join(".");
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  return found;
}

// Where a value is said: a part's kind by its name.
const placeOf = (field) => (field.type === "kinds" ? [...field.path, "name"] : field.path);

// What holds where only recipe and data set are said.
export function baseOf(root, recipes, { recipe, dataset }) {
  return resolve(root, { spec: { dataset, ...(recipe ? { recipe } : {}) } }, recipes);
}

// `change(values)` sets what is said. `told` is what `values` stand for, `answer` the dry run's, where it is of them: the
// service has the last word.
export function modelOf({ root, lists, values, told, base, suggested, errors, change, answer }) {
  const recipe = lists.recipes[values.spec.recipe]?.spec ?? {};
  const resolved = answer ? { ...told, spec: answer.spec } : told;
  const shown = shownFields(root, resolved);
  const model = { root, lists, values, resolved, base, shown, errors: errorsByField(errors, shown) };
  const field = (name) => shown.get(name);
  const keep = (path) => {
    const name = path.join(".");
    return Boolean(field(name)?.nullable) && valueAt(base, path) === null;
  };
  return Object.assign(model, {
    value: (each) => valueAt(resolved, each.path),
    isSaid: (each) => isSaid(values, placeOf(each)) || (each.nullable && valueAt(values, each.path) !== undefined),
    said: (each) => valueAt(values, each.path),
    baseValue: (each) => valueAt(base, each.path),
    isSuggested: (each) => Object.entries(suggested).some(([name, value]) => (name === each.name || name === placeOf(each).join(".")) && same(value, valueAt(values, name.split(".")))),
    origin: (each) => (each.path[0] === "spec" && fromRecipe(recipe, resolved.spec, each.path.slice(1)) ? "recipe" : "default"),
    set: (each, value) => change(say(values, each.path, value)),
    reset: (each) => change(unsay(values, each.path, keep)),
    // Another kind of a part starts from its own defaults.
    choose: (each, name) => change(same(valueAt(base, each.path)?.name, name) ? unsay(values, each.path, keep) : say(values, each.path, { name })),
    // On with its defaults, or off. What the recipe or the default is need not be said.
    toggle: (each, on) => {
      const there = valueAt(base, each.path) !== null;
      change(on === there ? unsay(values, each.path, keep) : say(values, each.path, on ? {} : null));
    },
    wrong: (each) => model.errors.get(each.name) ?? [],
  });
}

// `values` under another recipe: what is said of a part goes where the part becomes another kind.
export function underRecipe(root, recipes, values, name) {
  const { recipe: _, ...spec } = values.spec ?? {};
  let next = { ...values, spec: name ? { ...spec, recipe: name } : spec };
  const before = resolve(root, values, recipes);
  const after = resolve(root, next, recipes);
  for (const field of root.fields.find((each) => each.key === "spec").fields) {
    if (field.type !== "kinds" || spec[field.key]?.name !== undefined || spec[field.key] === undefined) continue;
    if (before.spec[field.key]?.name !== after.spec[field.key]?.name) next = unsay(next, field.path);
  }
  return next;
}
