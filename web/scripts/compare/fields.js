// Fields of a spec and their values, in words.
import { short, toNumber } from "../text.js";

// "/optimizer/learning_rate" as "optimizer.learning_rate".
export const pathOf = (pointer) =>
  pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")).join(".");

// The last part of a path as words, and what it belongs to: ["learning rate", "optimizer"].
export function fieldWords(path) {
  const parts = path.replace(/\.name$/, "").split(".").map((part) => part.replaceAll("_", " "));
  return [parts.at(-1), parts.slice(0, -1).join(" › ")];
}

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
