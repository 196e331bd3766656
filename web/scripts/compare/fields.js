// Fields of a spec and their values, in words.
import { useEffect } from "../dom.js";
import { loadNames, names } from "../form/names.js";
import { useSignal } from "../store.js";
import { hasText, language, short, t, toNumber } from "../text.js";

// Draw anew once the names of fields in the language that is shown are there; to be called by a view that shows some.
export function useFieldNames() {
  const shown = useSignal(language);
  useEffect(() => void loadNames(), [shown]);
  return useSignal(names);
}

export const hasNames = () => Object.keys(names.value.paths).length > 0;

// A name of the form that it has itself, or of its file, or the field as it is.
const titleIn = (key) => (hasNames() && hasText(`form.title_${key}`) ? t(`form.title_${key}`) : undefined);
const wordOf = (parts) => titleIn(parts.join("_")) ?? names.value.paths[parts.join("_")] ?? names.value.names[parts.at(-1)] ?? parts.at(-1).replaceAll("_", " ");

// "/optimizer/learning_rate" as "optimizer.learning_rate".
export const pathOf = (pointer) =>
  pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")).join(".");

// The last part of a path as words, and what it belongs to: ["learning rate", "optimizer"].
export function fieldWords(path) {
  const parts = path.replace(/\.name$/, "").split(".");
  const words = parts.map((_, n) => wordOf(parts.slice(0, n + 1)));
  return [words.at(-1), words.slice(0, -1).join(" › ")];
}

// Both in one: "optimizer › learning rate".
export const fieldPath = (path) => [...fieldWords(path)].reverse().filter(Boolean).join(" › ");

export const isNumber = (value) => typeof value === "number" || ["NaN", "Infinity", "-Infinity"].includes(value);

// A value of a spec: 0.05, sgd, "sgd (momentum 0.9)". `missing` stands for a field that a job does not have.
export function valueWords(value, missing = "–") {
  if (value === undefined) return missing;
  if (value === null) return "none";
  if (isNumber(value)) return short(toNumber(value), 6);
  if (Array.isArray(value)) return value.map((each) => valueWords(each)).join(", ");
  if (typeof value !== "object") return String(value);
  const { name, ...rest } = value;
  const inner = Object.entries(rest).filter(([, each]) => each !== null).map(([key, each]) => `${key.replaceAll("_", " ")} ${valueWords(each)}`).join(", ");
  return name === undefined ? inner || "{}" : inner ? `${name} (${inner})` : String(name);
}
