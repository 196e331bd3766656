// The fields in which the specs differ, a column for each job.
import { html, classes } from "../dom.js";
import { number, t, toNumber } from "../text.js";
import { fieldWords, useFieldNames, isNumber, pathOf, valueWords } from "./fields.js";
import { Badge, nameOf } from "./parts.js";

// How many times the baseline's number another one is.
function factor(value, base) {
  if (!isNumber(value) || !isNumber(base) || !toNumber(base) || !toNumber(value)) return null;
  const ratio = toNumber(value) / toNumber(base);
  if (ratio === 1 || !Number.isFinite(ratio) || ratio < 0) return null;
  return ratio >= 1 ? `× ${number(ratio, ratio < 10 && ratio % 1 ? 1 : 0)}` : `÷ ${number(1 / ratio, 1 / ratio < 10 && (1 / ratio) % 1 > 1e-9 ? 1 : 0)}`;
}

function Value({ job, values, baseline }) {
  const value = values[job.id];
  const base = baseline && baseline !== job ? values[baseline.id] : undefined;
  const same = baseline && baseline !== job && JSON.stringify(value) === JSON.stringify(base);
  const times = baseline && !same ? factor(value, base) : null;
  return html`<td class=${classes("num", "compare-value-cell", same && "muted")}>
    <span class="user-text">${same ? t("compare.same") : valueWords(value)}</span>
    ${times && html`<small class="muted"> ${times}</small>`}</td>`;
}

export function Differences({ comparison, ids, baseline }) {
  useFieldNames();
  if (!comparison.differences.length) return html`<p class="muted">${t("compare.no_differences")}</p>`;
  return html`<div class="table-wrap compare-differences" tabindex="0" role="group" aria-label=${t("compare.differences")}><table class="table">
    <thead><tr><th scope="col" class="compare-field">${t("compare.field")}</th>${comparison.jobs.map((job) => html`<th scope="col" class="num" key=${job.id}>
      <span class="compare-head" title=${nameOf(job)}><${Badge} at=${ids.indexOf(job.id)} /><span class="user-text truncate">${nameOf(job)}</span></span></th>`)}</tr></thead>
    <tbody>${comparison.differences.map(({ pointer, values }) => {
      const path = pathOf(pointer);
      const [word, part] = fieldWords(path);
      return html`<tr key=${pointer}><th scope="row" class="compare-field" title=${path}>${part && html`<small>${part}</small> `}${word}</th>
        ${comparison.jobs.map((job) => html`<${Value} key=${job.id} ...${{ job, values, baseline }} />`)}</tr>`;
    })}</tbody></table></div>`;
}
