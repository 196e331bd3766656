// Beside the form: what the job would be.
import { classes, html } from "../dom.js";
import { bytes, duration, number, t } from "../text.js";
import { amount } from "./choosers.js";
import { pathOf, useModel } from "./model.js";
import { titleOf } from "./names.js";
import { leaves, same, valueAt } from "./resolve.js";

// The device on which it would be done first.
const fastest = (answer) => answer.devices.filter((each) => each.pace).sort((a, b) => a.pace.total_seconds.expected - b.pace.total_seconds.expected)[0];

const spanOf = (span, write) => t("form.span", { low: write(span.low), high: write(span.high) });

// Seconds with as much exactness as an estimate has.
function about(seconds) {
  const unit = seconds < 100 ? 5 : seconds < 3600 ? 60 : seconds < 172800 ? 600 : 3600;
  if (seconds < 10) return `${number(Math.max(1, seconds))} ${t("common.seconds")}`;
  return duration(Math.round(seconds / unit) * unit);
}

function Fact({ label, value, children }) {
  return html`<div class="form-fact"><dt>${label}</dt><dd><span class="form-fact-value">${value}</span>${children && html`<span class="form-fact-more">${children}</span>`}</dd></div>`;
}

function DeviceTime({ device }) {
  const { pace } = device;
  if (!pace) return html`<${Fact} label=${t("form.time_on", device)} value="–">${device.reason}<//>`;
  const basis = t(`form.basis_${pace.basis}`, { n: pace.runs });
  return html`<${Fact} label=${t("form.time_on", device)} value=${t("form.about", { value: about(pace.total_seconds.expected) })}>
    <span>${spanOf(pace.total_seconds, about)}</span>
    <span>${t("form.an_epoch", { value: about(pace.epoch_seconds.expected), rate: number(pace.images_per_second.expected) })}</span>
    <span>${basis}</span>
  <//>`;
}

const PARTS = ["weights", "casts", "gradients", "optimizer", "scratch", "averages", "activations", "images"];

function Memory({ memory, workers }) {
  const parts = PARTS.filter((each) => memory.parts[each] > 0.005 * memory.parts.total);
  const sum = parts.reduce((total, each) => total + memory.parts[each], 0);
  const room = workers.filter((each) => each.devices.includes("cpu") && each.memory_total_bytes);
  const least = Math.min(...room.map((each) => each.memory_total_bytes));
  return html`<${Fact} label=${t("form.memory")} value=${t("form.about", { value: bytes(memory.total.expected) })}>
    <span class=${classes(memory.total.expected > least && "form-too-much")}>${spanOf(memory.total, bytes)}${room.length > 0 && t("form.memory_of", { value: bytes(least) })}</span>
    <span class="form-memory" aria-hidden="true">${parts.map((each, at) => html`<i key=${each} style=${{ flexGrow: memory.parts[each] / sum, background: `var(--c${at + 1})` }}></i>`)}</span>
    <span class="form-memory-key">${parts.map((each, at) => html`<span key=${each}><i style=${{ background: `var(--c${at + 1})` }}></i>${t(`form.memory_${each}`)} ${bytes(memory.parts[each])}</span>`)}</span>
  <//>`;
}

// What the job would be, of the last answer.
export function Facts({ answer, workers }) {
  const none = "–";
  const data = answer?.data;
  const steps = answer?.steps_per_epoch;
  return html`<dl class="form-facts">
    <${Fact} label=${t("form.place")} value=${answer ? placeOf(answer.queue) : none}>${answer?.queue.code !== "about_to_start" && answer?.queue.reason}<//>
    ${answer?.devices.length ? answer.devices.map((each) => html`<${DeviceTime} key=${each.device} device=${each} />`) : html`<${Fact} label=${t("form.time")} value=${none}>${answer && !answer.unknown && t("form.no_device")}<//>`}
    ${answer?.memory ? html`<${Memory} memory=${answer.memory} workers=${workers} />` : html`<${Fact} label=${t("form.memory")} value=${none} />`}
    <${Fact} label=${t("form.parameters")} value=${answer?.parameters ? amount(answer.parameters) : none}>${answer?.flops && t("form.flops", { value: amount(answer.flops) })}<//>
    <${Fact} label=${t("form.steps")} value=${steps ? number(steps) : none}>${steps && t("form.steps_in_all", { n: number(steps * answer.spec.epochs), epochs: number(answer.spec.epochs) })}<//>
    <${Fact} label=${t("form.data")} value=${data ? t("form.images", { n: number(data.train_images) }) : none}>${data && t("form.data_more", { test: number(data.test_images), classes: data.classes, size: data.image_size, colour: t(data.channels === 1 ? "form.grey" : "form.colour") })}<//>
  </dl>
  ${answer?.unknown && html`<p class="form-unknown">${t("form.unknown")} ${answer.unknown}</p>`}`;
}

const placeOf = (queue) => (queue.code === "about_to_start" ? t("form.starts_now") : queue.position === null ? t("form.far_back") : t("form.position", { n: number(queue.position) }));

// One line for narrow screens: time, size, memory.
export function Essence({ answer }) {
  if (!answer) return "–";
  const device = fastest(answer);
  return [device && t("form.about", { value: about(device.pace.total_seconds.expected) }), answer.parameters && t("form.parameters_of", { n: amount(answer.parameters) }), answer.memory && bytes(answer.memory.total.expected)].filter(Boolean).join(" · ");
}

function show(value) {
  if (value === undefined || value === null) return t("form.none");
  if (typeof value !== "object") return String(value);
  return Array.isArray(value) ? value.join(", ") : t("form.on"); // a part that is there, with its defaults
}

// What a recipe never says.
const NO_CHANGES = new Set(["spec.recipe", "spec.dataset", "name", "description", "tags"]);

// What was said over the recipe, or the defaults.
export function Changes() {
  const model = useModel();
  const rows = leaves(model.values).filter(([name]) => name && !NO_CHANGES.has(name));
  const shown = rows.filter(([name, value]) => !same(valueAt(model.base, name.split(".")), value));
  const recipe = model.resolved.spec.recipe;
  if (!shown.length) return html`<p class="muted small">${recipe ? t("form.as_recipe", { recipe }) : t("form.as_default")}</p>`;
  return html`<table class="form-changes"><caption>${recipe ? t("form.over_recipe", { recipe }) : t("form.over_default")}</caption><tbody>
    ${shown.map(([name, value]) => html`<tr key=${name}><th scope="row">${name.replace(/^spec\./, "")}</th>
      <td><s>${show(valueAt(model.base, name.split(".")))}</s></td><td>${show(value)}</td></tr>`)}
  </tbody></table>`;
}

// All errors, each a button that leads to its field.
export function Errors({ errors, problem, goTo }) {
  const model = useModel();
  if (problem && problem.status !== 422) return html`<p class="form-problem">${problem.status === 0 ? t("common.unreachable") : problem.detail}</p>`;
  return html`<ul class="form-errors">${errors.map((each) => {
    const name = nearest(model, each);
    const field = model.shown.get(name);
    return html`<li>${field ? html`<button type="button" onClick=${() => goTo(field)}><b>${titleOf(field)}</b> ${each.detail}</button>` : html`<b>${each.pointer?.replace(/^#\//, "")}</b> ${each.detail}`}</li>`;
  })}</ul>`;
}

function nearest(model, error) {
  const path = pathOf(error.pointer);
  while (path.length && !model.shown.has(path.join("."))) path.pop();
  return path.join(".");
}
