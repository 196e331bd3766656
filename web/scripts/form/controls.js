// The controls, one a type of field. A control shows what was said, and behind it, fainter, what holds otherwise.
import { classes, html, useEffect, useState } from "../dom.js";
import { t } from "../text.js";
import { useModel } from "./model.js";
import { unitOf } from "./names.js";

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

// A text as the value that it means. What is no number goes to the service as it is: it says what is wrong.
export function parse(field, text) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (field.words?.includes(trimmed)) return trimmed;
  if (field.type === "number" || field.type === "integer") return numberIn(trimmed);
  if (field.type === "list") return listIn(field, trimmed);
  if (field.type === "json") return jsonIn(trimmed);
  return text;
}

const numberIn = (text) => (NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : text);

function listIn(field, text) {
  const parts = text.split(/[,，、;\n]/).map((each) => each.trim()).filter(Boolean);
  return field.item.type === "string" ? [...new Set(parts)] : parts.flatMap((each) => each.split(/\s+/)).map(numberIn);
}

function jsonIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// A value as the text that means it.
export function write(field, value) {
  if (value === undefined) return "";
  if (value === null) return t("form.none");
  if (field.type === "list" && Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

// The words for a value that is chosen: the API's own, which the equivalents show, too.
const wordFor = (value) => (value === null ? t("form.none") : String(value));

// What holds where nothing is said. That a text is missing needs no word.
const behind = (field, value) => (field.type === "string" && value === null ? "" : write(field, value));

// A unit that is more than a word stands in the field's help alone.
const LONGEST_UNIT = 12;

function Input({ field, control }) {
  const model = useModel();
  const said = model.said(field);
  const [text, setText] = useState(() => write(field, said));
  useEffect(() => {
    // set from outside: another recipe, set back, a suggestion
    if (JSON.stringify(parse(field, text)) !== JSON.stringify(said)) setText(said === null ? t("form.none") : write(field, said));
  }, [said]);
  const input = (event) => {
    const value = parse(field, event.target.value);
    setText(event.target.value);
    if (value === undefined) model.reset(field);
    else model.set(field, value);
  };
  const number = field.type === "number" || field.type === "integer";
  const shared = { ...control, value: text, onInput: input, placeholder: behind(field, model.value(field)), spellcheck: false, autocomplete: "off" };
  if (field.type === "string" && field.bounds.maxLength > 1000) return html`<textarea rows="3" ...${shared} maxlength=${field.bounds.maxLength}></textarea>`;
  return html`<span class=${classes("form-input", number && "form-input-number")}>
    <input type="text" inputmode=${number && !field.words?.length ? "decimal" : undefined} maxlength=${field.bounds?.maxLength} ...${shared} />
    <${Words} field=${field} />
    ${field.unit && unitOf(field.unit).length <= LONGEST_UNIT && html`<span class="form-unit" aria-hidden="true">${unitOf(field.unit)}</span>`}
  </span>`;
}

// Values beside numbers, such as "full", and none where something is the default.
function Words({ field }) {
  const model = useModel();
  const none = field.nullable && model.origin(field) && model.value(field) !== null && model.said(field) === undefined;
  const words = [...(field.words ?? []), ...(none ? [null] : [])].filter((each) => model.said(field) !== each);
  return words.map((each) => html`<button type="button" class="form-word" onClick=${() => model.set(field, each)}>${wordFor(each)}</button>`);
}

function Choice({ field, control }) {
  const model = useModel();
  const value = model.value(field);
  const choose = (event) => {
    const chosen = event.target.value === "" ? null : event.target.value;
    if (chosen === model.baseValue(field)) model.reset(field);
    else model.set(field, chosen);
  };
  return html`<select ...${control} class=${classes(!model.isSaid(field) && "form-unsaid")} value=${value ?? ""} onChange=${choose}>
    ${field.nullable && html`<option value="">${t("form.none")}</option>`}
    ${field.values.map((each) => html`<option value=${each}>${each}</option>`)}
  </select>`;
}

// Which kind a part is. Its fields follow, or stand elsewhere.
export function Kind({ field, control }) {
  const model = useModel();
  const name = model.value(field)?.name ?? "";
  const choose = (event) => (event.target.value === "" ? model.toggle(field, false) : model.choose(field, event.target.value));
  return html`<select ...${control} class=${classes(!model.isSaid(field) && "form-unsaid")} value=${name} onChange=${choose}>
    ${field.nullable && html`<option value="">${t("form.none")}</option>`}
    ${[...field.kinds].map(([each, kind]) => html`<option value=${each}>${labelOf(each, kind)}</option>`)}
  </select>`;
}

const plain = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
const labelOf = (name, kind) => (plain(kind.title).startsWith(plain(name)) || plain(name).startsWith(plain(kind.title)) ? name : `${name} · ${kind.title}`);

const CONTROLS = { enum: Choice, kinds: Kind };

export const controlFor = (field) => CONTROLS[field.type] ?? Input;
