// A field with its label, where its value comes from, its error, and what it means.
import { classes, html, useEffect, useId, useRef, useState } from "../dom.js";
import { t } from "../text.js";
import { CHOOSERS } from "./choosers.js";
import { controlFor, write } from "./controls.js";
import { fieldsWithin } from "./schema.js";
import { inView } from "./common.js";
import { useModel } from "./model.js";
import { hintOf, titleOf } from "./names.js";

// Opens after a moment over the label, at once with the focus; Escape closes it.
function useHelp() {
  const [open, setOpen] = useState(false);
  const timer = useRef();
  const later = (value, milliseconds) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOpen(value), milliseconds);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const handlers = {
    onMouseEnter: () => later(true, 350),
    onMouseLeave: () => later(false, 200),
    // not with the focus of a field within this one
    onFocusIn: (event) => event.target.matches("input, select, textarea") && event.target.closest("[data-field]") === event.currentTarget && later(true, 150),
    onFocusOut: () => later(false, 100),
    onKeyDown: (event) => event.key === "Escape" && open && (event.stopPropagation(), setOpen(false)),
  };
  return [open, handlers];
}

const BOUND_WORDS = { minimum: "≥", exclusiveMinimum: ">", maximum: "≤", exclusiveMaximum: "<" };

function boundsIn(bounds = {}) {
  return Object.entries(BOUND_WORDS).filter(([each]) => each in bounds).map(([each, sign]) => `${sign} ${bounds[each].toLocaleString()}`).join(", ");
}

// What a field means: the schema's sentence, what is allowed, and where the value comes from.
// It opens above the field where there is room, and towards the middle of the page.
function Help({ field, id, open, place }) {
  const model = useModel();
  const said = model.isSaid(field);
  const kind = field.type === "kinds" ? field.kinds.get(model.value(field)?.name) : null;
  const base = write(field, field.type === "kinds" ? model.baseValue(field)?.name : model.baseValue(field));
  const origin = said ? t("form.from_you") : t(`form.from_${model.origin(field)}`, { recipe: model.resolved.spec.recipe });
  return html`<div class=${classes("form-help", place?.top > 260 && "form-help-above", place && place.left + 300 > innerWidth && "form-help-left")} id=${id} role="tooltip" hidden=${!open}>
    <p>${field.description}</p>
    ${kind && html`<p><b>${kind.title}.</b> ${kind.description}</p>`}
    <p class="form-help-foot"><span>${origin}</span>${said && base && html`<span>${t("form.otherwise", { value: base })}</span>`}
      ${field.unit && html`<span>${field.unit}</span>`}${boundsIn(field.bounds) && html`<span>${boundsIn(field.bounds)}</span>`}<code>${field.name}</code></p>
  </div>`;
}

function Mark({ field }) {
  const model = useModel();
  const suggested = model.isSuggested(field) && html`<span class="form-suggested">${t("form.suggested")}</span>`;
  if (model.isSaid(field) && !(field.required && model.baseValue(field) === model.value(field))) {
    return html`${suggested}<button type="button" class="form-reset" onClick=${() => model.reset(field)}
      aria-label=${t("form.set_back_field", { field: field.title })}>${t("form.set_back")}</button>`;
  }
  const value = model.value(field);
  if (model.isSaid(field) || value === undefined || (field.type !== "object" && !String(value ?? ""))) return null;
  return html`<span class="form-origin">${t(`form.origin_${model.origin(field)}`)}</span>`;
}

// A field with everything around its control. `context`: the part that it is in, where that is not to be seen.
export function FormField({ field, context }) {
  const model = useModel();
  const id = useId();
  const root = useRef();
  const [open, handlers] = useHelp();
  const errors = model.wrong(field);
  const hint = hintOf(field);
  const place = open ? root.current.getBoundingClientRect() : null;
  const described = [errors.length && `${id}-error`, hint && `${id}-hint`, `${id}-help`].filter(Boolean).join(" ");
  const given = { id, "aria-describedby": described, "aria-invalid": errors.length ? "true" : undefined };
  const Control = CHOOSERS[field.name] ?? controlFor(field);
  const wide = field.name in CHOOSERS || field.bounds?.maxLength > 1000;
  const check = field.type === "boolean" || (field.nullable && field.type === "object");
  const errorList = errors.length > 0 && html`<p class="field-error" id=${`${id}-error`}>${errors.map((each) => each.detail).join(" ")}</p>`;
  return html`<div class=${classes("form-field", wide && "form-field-wide", errors.length && "field-wrong", model.isSaid(field) && "form-said")}
    data-field=${field.name} ref=${root} onFocusIn=${handlers.onFocusIn} onFocusOut=${handlers.onFocusOut} onKeyDown=${handlers.onKeyDown}>
    <div class="form-label" onMouseEnter=${handlers.onMouseEnter} onMouseLeave=${handlers.onMouseLeave}>
      ${check ? html`<${Check} field=${field} control=${given} />` : html`<label for=${id}>${context && html`<span class="form-context">${context}</span> `}${titleOf(field)}</label>`}
      <${Mark} field=${field} />
      <${Help} field=${field} id=${`${id}-help`} open=${open} place=${place} />
    </div>
    ${!check && html`<${Control} field=${field} control=${given} />`}
    ${errorList}
    ${hint && html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>`}
    ${check && field.type === "object" && model.value(field) !== null && html`<${Within} field=${field} />`}
    ${field.type === "kinds" && field.nullable && model.value(field) !== null && html`<${Within} field=${field} />`}
  </div>`;
}

// On or off: a boolean, or a part that may be there or not.
function Check({ field, control }) {
  const model = useModel();
  const value = model.value(field);
  const toggle = (event) => {
    if (field.type === "object") model.toggle(field, event.target.checked);
    else if (event.target.checked === model.baseValue(field)) model.reset(field);
    else model.set(field, event.target.checked);
  };
  const on = field.type === "object" ? value !== null : Boolean(value);
  return html`<label class="form-check"><input type="checkbox" ...${control} checked=${on} onChange=${toggle} /><span>${titleOf(field)}</span></label>`;
}

// The fields of a part that is there.
function Within({ field }) {
  const model = useModel();
  const inner = fieldsWithin(field, model.value(field));
  return inner.length > 0 && html`<div class="form-within" role="group" aria-label=${titleOf(field)}><${FieldsOf} fields=${inner} /></div>`;
}

// Fields in a grid, without those that stand in view already.
export function FieldsOf({ fields }) {
  return html`<div class="form-grid">${fields.map((each) => (inView(each.name) ? null : html`<${FormField} key=${each.name} field=${each} />`))}</div>`;
}
