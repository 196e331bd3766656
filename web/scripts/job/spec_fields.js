// The fields of a resolved spec: paths, values, what they mean, and what would be usual.
import { openapi } from "../openapi.js";

// Which group a field of the spec stands in, by its first name. What is not named here stands in the last.
export const GROUPS = {
  data: ["dataset", "image_size", "resize", "unreadable_images", "validation_fraction", "validation_fold", "placement"],
  network: ["architecture", "starting_weights", "freeze", "starting_weights_learning_rate_factor"],
  training: ["recipe", "epochs", "batch_size", "micro_batch_size", "optimizer", "schedule"],
  augmentation: ["augmentation"],
  regularisation: ["regularisation"],
  running: ["precision", "compile", "deterministic", "devices", "evaluation_interval", "logging_interval", "checkpoints", "time_limit_minutes", "seed"],
};

export const groupOf = (path) => Object.keys(GROUPS).find((name) => GROUPS[name].includes(path.split(".")[0])) ?? "running";

// {a: {b: 1}} as {"a.b": 1}. A list is one value.
export function flat(spec, path = "") {
  return Object.entries(spec ?? {}).reduce((found, [name, value]) => {
    const inner = path ? `${path}.${name}` : name;
    return Object.assign(found, value && typeof value === "object" && !Array.isArray(value) ? flat(value, inner) : { [inner]: value });
  }, {});
}

const bare = (reference, schemas) => schemas[reference.slice(reference.lastIndexOf("/") + 1)];
const follow = (schema, schemas) => (schema?.$ref ? bare(schema.$ref, schemas) : schema);

// The schema of what a field holds: among alternatives, the one that has its `name`, or else the first with fields.
function variant(field, value, schemas) {
  const options = [field, ...(field.anyOf ?? []), ...(field.oneOf ?? [])].flatMap((each) => [each, ...(each.oneOf ?? []), ...(each.anyOf ?? [])]).map((each) => follow(each, schemas)).filter((each) => each?.properties);
  const has = (each) => {
    const name = each.properties.name;
    return name && (name.const === value.name || name.enum?.includes(value.name));
  };
  return options.find(has) ?? options[0];
}

// {path: {title, description, unit, usual, part}} for each field of `spec`. `usual` is undefined where the schema has no
// default; `part` is the path of what a field belongs to, where that is off by default.
export async function meanings(spec) {
  const { schemas } = (await openapi()).components;
  const found = {};
  const walk = (schema, value, path, usual, part) => {
    for (const [name, inner] of Object.entries(value)) {
      const field = schema?.properties?.[name];
      if (!field) continue;
      const at = path ? `${path}.${name}` : name;
      const own = name === "name" ? usual?.name : field.default ?? (takesNull(field) ? null : undefined); // adam's name is always adam
      found[at] = { title: field.title, description: field.description, unit: field.unit, usual: own, part };
      if (inner && typeof inner === "object" && !Array.isArray(inner)) walk(variant(field, inner, schemas), inner, at, found[at].usual, found[at].usual === null ? at : part);
    }
  };
  walk(schemas.ResolvedSpec, spec, "");
  return found;
}

const takesNull = (field) => [field, ...(field.anyOf ?? [])].some((each) => each.type === "null");

// What each path has in a recipe. There, "resnet18" stands for {name: "resnet18"}.
export function recipeValues(recipe) {
  const named = Object.fromEntries(Object.entries(recipe?.spec ?? {}).map(([name, value]) => [name, NAMED.has(name) && typeof value === "string" ? { name: value } : value]));
  const values = flat(named);
  if (typeof values["augmentation.policy"] === "string") values["augmentation.policy.name"] = values["augmentation.policy"];
  return values;
}

const NAMED = new Set(["architecture", "optimizer", "schedule"]);
