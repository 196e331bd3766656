// The numbers of a chart as a table, 25 rows at a time, the last ones first seen.
import { html, useState } from "../dom.js";
import { t } from "../text.js";
import { Button } from "../components/basics.js";

const ROWS = 25;

export function Numbers({ title, x, series, format, formatX, xLabel }) {
  const [page, setPage] = useState(null);
  const last = Math.max(0, Math.ceil(x.length / ROWS) - 1);
  const at = Math.min(page ?? last, last);
  const rows = Array.from({ length: Math.min(ROWS, x.length - at * ROWS) }, (_, n) => at * ROWS + n);
  return html`<div>
    <div class="chart-numbers" tabindex="0" role="group" aria-label=${title}><table class="table">
      <thead><tr><th scope="col" class="num">${xLabel ?? t("chart.epoch")}</th>${series.map((each) => html`<th scope="col" class="num user-text">${each.label}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row}><th scope="row" class="num">${formatX(x[row])}</th>
        ${series.map((each) => html`<td class="num">${(each.format ?? format)(each.values[row])}</td>`)}</tr>`)}</tbody>
    </table></div>
    ${last > 0 && html`<p class="chart-pager">
      <${Button} kind="quiet" disabled=${at === 0} onClick=${() => setPage(at - 1)}>${t("chart.earlier")}<//>
      ${t("chart.page", { from: at * ROWS + 1, to: at * ROWS + rows.length, total: x.length })}
      <${Button} kind="quiet" disabled=${at === last} onClick=${() => setPage(at + 1)}>${t("chart.later")}<//></p>`}
  </div>`;
}
