// The small parts that comparisons are made of.
import { html, classes } from "../dom.js";
import { DASH, number, short, t } from "../text.js";
import { letter } from "./model.js";

// A job's letter in its colour: the sign by which it is known in charts and tables.
export const Badge = ({ at, off = false }) =>
  html`<span class=${classes("compare-badge", off && "compare-badge-off")} style=${{ "--job": `var(--c${at + 1})` }}>${letter(at)}</span>`;

export const nameOf = (job) => job.name || job.id;

const SIGNS = { up: "▲", down: "▼", same: "=" };

// `digits` decide what counts as equal: what is written as 0 is no difference.
function direction(value, digits) {
  const rounded = Number(value.toFixed(digits));
  return rounded > 0 ? "up" : rounded < 0 ? "down" : "same";
}

function signed(value, digits) {
  const sign = direction(value, digits);
  return `${sign === "up" ? "+" : sign === "down" ? "−" : "±"}${number(Math.abs(value), digits)}`;
}

// A difference of two accuracies in percentage points. Where the unit is said elsewhere, `barePoints`.
export const barePoints = (value) => (value === null || !Number.isFinite(value) ? number(value) : signed(100 * value, 2));
export const points = (value) => (Number.isFinite(value) ? `${barePoints(value)} ${t("compare.points")}` : number(value));
export const lossDifference = (value) => (value === null || !Number.isFinite(value) ? number(value) : signed(value, Math.abs(value) < 100 ? 4 : 1));

// For an axis, where there is less room and the unit is said once: "+2", "−0.05".
export const axisDifference = (factor) => (value) => {
  const scaled = factor * value;
  return `${scaled > 0 ? "+" : scaled < 0 ? "−" : ""}${short(Math.abs(scaled), 3)}`;
};

// A difference with its sign, an arrow, and a colour that says whether it is for the better. `good`: "up", "down", or null where neither is.
export function Difference({ value, good, format }) {
  if (value === null || Number.isNaN(value)) return html`<span class="muted">${DASH}</span>`;
  const way = direction(value, 4);
  const kind = way === "same" ? "same" : !good ? "neutral" : way === good ? "good" : "bad";
  return html`<span class=${`compare-difference compare-difference-${kind}`}><span aria-hidden="true">${SIGNS[way]}</span> ${format(value)}
    ${kind !== "neutral" && html`<span class="visually-hidden">${t(`compare.${kind}`)}</span>`}</span>`;
}
