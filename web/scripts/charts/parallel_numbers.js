// The rows of parallel coordinates as a table, the best first.
import { html } from "../dom.js";
import { Link } from "../router.js";
import { DASH, t, toNumber } from "../text.js";
import { valueOn } from "./parallel_scales.js";

export function ParallelNumbers({ title, axes, rows, words }) {
  const objective = axes.find((axis) => axis.objective);
  const worth = (row) => toNumber(row.values[objective?.key] ?? -Infinity);
  const sorted = objective ? [...rows].sort((a, b) => (worth(b) > worth(a)) - (worth(b) < worth(a))) : rows;
  const cell = (axis, value) => (value === undefined ? DASH : axis.kind === "category" ? words(value) : axis.format(value));
  return html`<div class="chart-numbers" tabindex="0" role="group" aria-label=${title}><table class="table">
    <thead><tr><th scope="col">${t("compare.job")}</th>${axes.map((axis) => html`<th scope="col" key=${axis.key} class=${axis.kind === "category" ? "" : "num"} title=${axis.key}>${axis.label}</th>`)}</tr></thead>
    <tbody>${sorted.map((row) => html`<tr key=${row.id}><th scope="row"><${Link} to=${`/jobs/${row.id}`} class="user-text">${row.label}<//></th>
      ${axes.map((axis) => html`<td key=${axis.key} class=${axis.kind === "category" ? "" : "num"}>${cell(axis, valueOn(axis, row))}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}
