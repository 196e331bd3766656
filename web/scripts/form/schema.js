// The form's fields, read from the JSON schema that the service publishes. Nothing here knows a field by its name: a new
// field of the schema appears by itself.
//
// A field: {path, name, type, title, description, unit, nullable, required, default, bounds, …}; `path` leads to it in
// the request's body, `name` is the same with dots. Types: "number", "integer", "boolean", "enum" (values), "string",
// "list" (item), "object" (fields), "kinds" (kinds: what its `name` may be), "json" (anything else).
import { openapi } from "../openapi.js";

const BOUNDS = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minItems", "maxItems", "maxLength", "pattern"];

// The field of a submission's whole body.
export async function readSchema() {
  const { components } = await openapi();
  return fieldOf({ $ref: "#/components/schemas/JobCreate" }, components.schemas, []);
}

function follow(schema, schemas) {
  if (!schema.$ref) return schema;
  const { $ref, ...beside } = schema;
  return { ...follow(schemas[$ref.split("/").at(-1)], schemas), ...beside };
}

// The field of a schema. `schemas` are those that it may refer to.
export function fieldOf(schema, schemas, path, required = false) {
  const whole = follow(schema, schemas);
  const options = (whole.anyOf ?? [whole]).map((each) => follow(each, schemas));
  const field = {
    path,
    name: path.join("."),
    key: path.at(-1),
    title: whole.title ?? path.at(-1) ?? "",
    description: whole.description ?? "",
    unit: whole.unit,
    examples: whole.examples,
    nullable: options.some((each) => each.type === "null"),
    required,
    default: whole.default,
  };
  return Object.assign(field, shapeOf(options.filter((each) => each.type !== "null"), schemas, field));
}

function shapeOf(options, schemas, field) {
  const kinds = options.find((each) => each.discriminator);
  if (kinds) return { type: "kinds", kinds: kindsOf(kinds, schemas, field.path) };
  const object = options.find((each) => each.properties);
  if (object) return { type: "object", about: object.description, fields: fieldsOf(object, schemas, field.path) };
  const number = options.find((each) => each.type === "number" || each.type === "integer");
  const words = options.filter((each) => each.const !== undefined).map((each) => each.const);
  if (number) return { type: number.type, bounds: boundsOf(number), words };
  const [only] = options;
  if (!only || options.length > 1) return { type: "json" };
  if (only.enum) return { type: "enum", values: only.enum };
  if (only.type === "boolean") return { type: "boolean" };
  if (only.type === "string") return { type: "string", bounds: boundsOf(only) };
  if (only.type === "array") return listOf(only, schemas);
  return { type: "json" };
}

function listOf(schema, schemas) {
  const items = schema.prefixItems ?? [schema.items ?? {}];
  const item = follow(items[0], schemas);
  if (!["number", "integer", "string"].includes(item.type)) return { type: "json" };
  return { type: "list", item: { type: item.type, bounds: boundsOf(item) }, bounds: boundsOf(schema) };
}

const boundsOf = (schema) => Object.fromEntries(BOUNDS.filter((each) => each in schema).map((each) => [each, schema[each]]));

function fieldsOf(schema, schemas, path) {
  const required = schema.required ?? [];
  return Object.entries(schema.properties).map(([key, each]) => fieldOf(each, schemas, [...path, key], required.includes(key)));
}

// By the part's name, in the schema's order: {title, description, fields}. `fields` are without the name.
function kindsOf(schema, schemas, path) {
  const kinds = new Map();
  for (const option of schema.oneOf) {
    const part = follow(option, schemas);
    const { name, ...properties } = part.properties;
    const kind = { title: part.title, description: part.description ?? "", fields: fieldsOf({ ...part, properties }, schemas, path) };
    for (const each of name.enum ?? [name.const]) kinds.set(each, kind);
  }
  return kinds;
}

// The fields within a part that has this value.
export function fieldsWithin(field, value) {
  if (field.type === "kinds") return field.kinds.get(value?.name)?.fields ?? [];
  return field.type === "object" && (value !== null || !field.nullable) ? field.fields : [];
}

// Every field that there is, whatever the parts' kinds: for the search. A field of several kinds comes once.
export function everyField(field, found = new Map()) {
  if (field.path.length && !found.has(field.name)) found.set(field.name, field);
  const inner = field.type === "kinds" ? [...new Set(field.kinds.values())].flatMap((each) => each.fields) : (field.fields ?? []);
  for (const each of inner) everyField(each, found);
  return found;
}
