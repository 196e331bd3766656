// What fields are called. English has the schema's own titles, another language a file of names.
import { signal } from "../store.js";
import { hasText, language, t } from "../text.js";

const FILES = { zh: () => import("../../text/zh_fields.js") };
const NONE = { paths: {}, names: {}, units: {} };

// Those of the language that is shown.
export const names = signal(NONE);

export async function loadNames() {
  names.set((await FILES[language.value]?.())?.default ?? NONE);
}

// "spec.optimizer.learning_rate" as "optimizer_learning_rate".
const keyOf = (field) => field.name.replace(/^spec\./, "").replaceAll(".", "_");

// A sentence for learners, where there is one.
export const hintOf = (field) => (hasText(`form.hint_${keyOf(field)}`) ? t(`form.hint_${keyOf(field)}`) : null);

export function titleOf(field) {
  if (hasText(`form.title_${keyOf(field)}`)) return t(`form.title_${keyOf(field)}`);
  return names.value.paths[keyOf(field)] ?? names.value.names[field.key] ?? field.title;
}

export const unitOf = (unit) => names.value.units[unit] ?? unit;
