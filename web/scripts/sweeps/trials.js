// The jobs of a sweep as a table. Those that are chosen have a colour, in the charts as well.
import { html, classes, useMemo, useRef } from "../dom.js";
import { Link } from "../router.js";
import { DASH, duration, loss, number, percent, t, toNumber } from "../text.js";
import { Progress, Status } from "../components/basics.js";
import { fieldWords, useFieldNames, isNumber, valueWords } from "../compare/fields.js";
import { accuracyOf } from "./data.js";
import { trialWords } from "./parts.js";

const secondsOf = (job) => (job?.started_at ? ((job.finished_at ? Date.parse(job.finished_at) : Date.now()) - Date.parse(job.started_at)) / 1000 : null);

// The columns behind those of the values: {key, num, of(trial, job), show(value)}.
const MEASURED = [
  { key: "best", up: true, of: (trial) => accuracyOf(trial.best), show: (value) => percent(value) },
  { key: "test_accuracy", up: true, of: (trial) => trial.latest?.test_accuracy ?? null, show: (value) => percent(value) },
  { key: "test_loss", of: (trial) => trial.latest?.test_loss ?? null, show: loss },
  { key: "train_loss", of: (trial) => trial.latest?.train_loss ?? null, show: loss },
  { key: "time", of: (_, job) => secondsOf(job), show: (value) => duration(value) },
];

function columnsOf({ space }, labelled) {
  const values = labelled ? [{ key: "label", label: t("sweeps.trial"), of: trialWords, show: (value) => value }]
    : Object.keys(space).map((path) => ({ key: path, label: fieldWords(path)[0], part: fieldWords(path)[1], num: space[path].every(isNumber), of: (trial) => trial.values[path], show: valueWords }));
  return [{ key: "number", label: "#", num: true, of: (trial) => trial.number, show: (value) => number(value) }, ...values,
    { key: "status", label: t("compare.status"), of: (trial) => trial.status ?? "" },
    ...MEASURED.map((each) => ({ ...each, num: true, label: t(`sweeps.${each.key}`) }))];
}

function compareValues(a, b) {
  if (isNumber(a) && isNumber(b)) return toNumber(a) - toNumber(b);
  return String(valueWords(a)).localeCompare(String(valueWords(b)));
}

// Without a value: last, in either direction.
const missing = (value) => value === null || value === undefined || Number.isNaN(value);

export function sorted(trials, jobs, column, descending) {
  return [...trials].sort((a, b) => {
    const [left, right] = [column.of(a, jobs.get(a.job_id)), column.of(b, jobs.get(b.job_id))];
    if (missing(left) || missing(right)) return missing(left) - missing(right) || a.number - b.number;
    return (descending ? -1 : 1) * compareValues(left, right) || a.number - b.number;
  });
}

function Heading({ column, sort, setSort }) {
  const [key, descending] = [sort.replace(/^-/, ""), sort.startsWith("-")];
  const mine = key === column.key;
  const next = mine ? (descending ? column.key : `-${column.key}`) : column.up ? `-${column.key}` : column.key;
  return html`<th scope="col" class=${classes(column.num && "num")} aria-sort=${mine ? (descending ? "descending" : "ascending") : undefined}>
    <button type="button" class="sweeps-sort" onClick=${() => setSort(next)} title=${column.part ? `${column.part} › ${column.label}` : undefined}>
      ${column.part && html`<small>${column.part}</small>`}<span>${column.label}<span class="sweeps-sort-sign" aria-hidden="true">${mine ? (descending ? "↓" : "↑") : ""}</span></span></button></th>`;
}

function StatusCell({ trial, job }) {
  if (!trial.status) return html`<td><span class="muted">${t("sweeps.deleted")}</span></td>`;
  const running = trial.status === "running" && job;
  return html`<td class="sweeps-status"><${Status} status=${trial.status} />${running && html`<${Progress} value=${job.percent / 100} />`}
    ${trial.error && html`<small class="user-text sweeps-error" title=${trial.error.message}>${trial.error.message}</small>`}</td>`;
}

function Row({ trial, job, columns, best, colour, choose, choosable }) {
  return html`<tr class=${classes(best && "sweeps-row-best")}>
    <td class="sweeps-choose"><input type="checkbox" checked=${Boolean(colour)} disabled=${!trial.url || (!colour && !choosable)} aria-label=${t("sweeps.choose", { n: trial.number })}
      style=${colour ? { accentColor: `var(${colour})` } : undefined} onChange=${() => choose(trial.job_id)} /></td>
    ${columns.map((column) => {
      if (column.key === "status") return html`<${StatusCell} key="status" ...${{ trial, job }} />`;
      const value = column.of(trial, job);
      const text = missing(value) && column.num ? DASH : column.show(value);
      if (column.key === "number") return html`<th key="number" scope="row" class="num">${trial.url ? html`<${Link} to=${`/jobs/${trial.job_id}`} aria-label=${t("sweeps.job", { n: trial.number })}>${text}<//>` : text}</th>`;
      return html`<td key=${column.key} class=${classes(column.num && "num")}><span class="user-text">${text}</span>
        ${column.key === "best" && best && html` <span class="sweeps-best">${t("sweeps.is_best")}</span>`}</td>`;
    })}</tr>`;
}

// The same node for a row that has not changed: then it is not looked at again.
function useRows() {
  const kept = useRef(new Map());
  return (id, inputs, make) => {
    const old = kept.current.get(id);
    if (old && old.inputs.every((input, n) => Object.is(input, inputs[n]))) return old.node;
    const node = make();
    kept.current.set(id, { inputs, node });
    return node;
  };
}

// `chosen`: a Map of job ids to colours. `within`: the ids of those that are shown.
export function Trials({ sweep, jobs, best, chosen, choose, most, sort, setSort, within }) {
  const labelled = sweep.trials.some((trial) => trial.label);
  const word = t("compare.status");
  const names = useFieldNames();
  const columns = useMemo(() => columnsOf(sweep, labelled), [JSON.stringify(sweep.space), labelled, word, names]);
  const latest = useRef(choose);
  latest.current = choose;
  const rowOf = useRows();
  const column = columns.find((each) => each.key === sort.replace(/^-/, "")) ?? columns[0];
  const rows = sorted(sweep.trials.filter((trial) => within.has(trial.job_id)), jobs, column, sort.startsWith("-"));
  return html`<div class="table-wrap sweeps-trials" tabindex="0" role="group" aria-label=${t("sweeps.trials")}><table class="table">
    <thead><tr><td class="sweeps-choose"></td>${columns.map((each) => html`<${Heading} key=${each.key} column=${each} ...${{ sort, setSort }} />`)}</tr></thead>
    <tbody>${rows.map((trial) => {
      const job = jobs.get(trial.job_id);
      const shown = { trial, job, columns, best: best?.job_id === trial.job_id, colour: chosen.get(trial.job_id), choosable: chosen.size < most };
      return rowOf(trial.job_id, Object.values(shown), () => html`<${Row} key=${trial.job_id} ...${shown} choose=${(id) => latest.current(id)} />`);
    })}</tbody></table></div>`;
}
