// The compared jobs with their best and last numbers; also the legend of the charts.
import { html, classes } from "../dom.js";
import { Link } from "../router.js";
import { DASH, loss, number, percent, t } from "../text.js";
import { Button, Status } from "../components/basics.js";
import { bestOf, lastOf, letter } from "./model.js";
import { Badge, Difference, lossDifference, nameOf, points } from "./parts.js";

// `good`: which way is for the better. Of the train images neither is: who learns by heart is best there.
const COLUMNS = [
  { key: "best", good: "up", share: true, format: percent, from: points, of: (_, job) => bestOf(job) },
  { key: "test_accuracy", good: "up", share: true, format: percent, from: points },
  { key: "test_loss", good: "down", format: loss, from: lossDifference },
  { key: "train_accuracy", good: null, share: true, format: percent, from: points },
  { key: "train_loss", good: null, format: loss, from: lossDifference },
].map((each) => ({ of: (comparison, job) => lastOf(comparison, job, each.key), ...each }));

// What stands below a number: from which epoch it is, and over how many seeds.
function remark(found) {
  const parts = [];
  if (found.of > 1) parts.push(t("compare.mean_of", { n: found.of, of: found.seeds }));
  else if (found.epoch !== null && found.epoch !== undefined) parts.push(t("compare.epoch", { n: number(found.epoch) }));
  if (found.split) parts.push(t(`compare.on_${found.split}`));
  return parts.join(", ");
}

function Cell({ comparison, job, baseline, column }) {
  const found = column.of(comparison, job);
  if (!found) return html`<td class="num"><span class="muted">${DASH}</span></td>`;
  const base = baseline && baseline !== job ? column.of(comparison, baseline) : null;
  const comparable = base && base.split === found.split;
  const spread = found.spread !== null && found.spread !== undefined
    && html` <small class="muted" title=${t("compare.interval_hint")}>± ${column.share ? number(100 * found.spread, 2) : loss(found.spread)}</small>`;
  const own = html`${column.format(found.value)}${spread}`;
  return html`<td class="num">
    <div>${comparable ? html`<${Difference} value=${found.value - base.value} good=${column.good} format=${column.from} />` : own}</div>
    <small class="muted" title=${comparable ? remark(found) : undefined}>${comparable ? own : remark(found)}</small></td>`;
}

export function JobsTable({ comparison, ids, baseline, hidden, setBaseline, toggle, remove }) {
  return html`<div class="table-wrap compare-jobs" tabindex="0" role="group" aria-label=${t("compare.jobs")}><table class="table">
    <thead><tr><th scope="col" class="compare-name">${t("compare.job")}</th><th scope="col">${t("compare.status")}</th>
      ${COLUMNS.map((each) => html`<th scope="col" class="num">${t(`compare.${each.key}`)}</th>`)}
      <th scope="col">${t("compare.baseline")}</th><td></td></tr></thead>
    <tbody>${comparison.jobs.map((job) => {
      const at = ids.indexOf(job.id);
      const off = hidden.has(job.id);
      const name = nameOf(job);
      return html`<tr key=${job.id} class=${classes(baseline === job && "compare-row-baseline")}>
        <th scope="row" class="compare-name"><span class="compare-name-inside">
          <button type="button" class="compare-toggle" aria-pressed=${!off} aria-label=${t("compare.line", { letter: letter(at), name })}
            title=${t(off ? "compare.show" : "compare.hide")} onClick=${() => toggle(job.id)}><${Badge} at=${at} off=${off} /></button>
          <${Link} to=${`/jobs/${job.id}`} class="user-text compare-link" title=${name}>${name}<//></span></th>
        <td><${Status} status=${job.status} /></td>
        ${COLUMNS.map((column) => html`<${Cell} ...${{ comparison, job, baseline, column }} />`)}
        <td><label class="check compare-baseline"><input type="radio" name="baseline" checked=${baseline === job} aria-label=${t("compare.as_baseline", { letter: letter(at), name })}
          onChange=${() => setBaseline(job.id)} onClick=${() => baseline === job && setBaseline(null)} /></label></td>
        <td class="num"><${Button} kind="quiet" aria-label=${t("compare.remove", { letter: letter(at), name })} onClick=${() => remove(job.id)}>✕<//></td>
      </tr>`;
    })}</tbody>
  </table></div>`;
}
