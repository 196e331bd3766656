// Two to ten jobs side by side. Everything that is chosen here is in the address.
import { html, useMemo } from "../dom.js";
import { useQuery } from "../router.js";
import { t } from "../text.js";
import { Button, Empty, ErrorPanel, Loading, useRead } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { useComparison } from "../compare/live.js";
import { Charts } from "../compare/charts.js";
import { Differences } from "../compare/differences.js";
import { JobPicker } from "../compare/picker.js";
import { JobsTable } from "../compare/jobs_table.js";
import { MOST_JOBS } from "../compare/model.js";
import { ComparedParallel } from "../compare/parallel.js";
import { nameOf } from "../compare/parts.js";
import { Tools } from "../compare/tools.js";
import { Verdicts } from "../compare/verdicts.js";
import { get } from "../api.js";

// What the address says, and functions that change it.
function useChoices() {
  const [query, change] = useQuery();
  const ids = [...new Set(query.getAll("job"))].slice(0, MOST_JOBS);
  const from = query.get("from");
  const range = from === null ? null : [Number(from), Number(query.get("to"))];
  return {
    ids, change,
    baseline: ids.includes(query.get("baseline")) ? query.get("baseline") : null,
    hidden: new Set(query.getAll("hide")),
    splits: query.get("curves") ? [query.get("curves")].filter((each) => ["train", "test"].includes(each)) : ["train", "test"],
    smoothing: Math.min(0.99, Math.max(0, Number(query.get("smooth")) || 0)),
    log: query.get("log") === "1",
    zoom: range?.every(Number.isFinite) ? range : null,
    brushes: query.getAll("brush"),
    setZoom: (zoom) => change({ from: zoom && Number(zoom[0].toFixed(2)), to: zoom && Number(zoom[1].toFixed(2)) }),
    toggle: (id) => change({ hide: query.getAll("hide").includes(id) ? query.getAll("hide").filter((each) => each !== id) : [...query.getAll("hide"), id] }),
    add: (id) => change({ job: [...ids, id] }, { push: true }),
    remove: (id) => change({ job: ids.filter((each) => each !== id), hide: query.getAll("hide").filter((each) => each !== id),
      baseline: query.get("baseline") === id ? null : query.get("baseline") }, { push: true }),
  };
}

// Fewer than two jobs: what to do, with the one that is chosen.
function Begin({ choices }) {
  const only = choices.ids[0];
  const { value, problem, reload } = useRead((signal) => (only ? get(`/v1/jobs/${encodeURIComponent(only)}`, {}, { signal }) : Promise.resolve(null)), [only ?? null]);
  if (problem) {
    return html`<${ErrorPanel} page problem=${problem} retry=${reload}>${problem.status === 404 && html`<p class="compare-missing"><${Button} onClick=${() => choices.remove(only)}>${t("compare.leave_out", { id: only })}<//></p>`}<//>`;
  }
  return html`<${Empty} page title=${t("compare.begin")}>
    ${only ? t("compare.begin_second", { name: value ? nameOf(value) : only }) : t("compare.begin_text")}
    <span class="compare-begin"><${JobPicker} label=${t("compare.add")} placeholder=${t("compare.add")} chosen=${choices.ids} choose=${(row) => choices.add(row.id)} /></span>
  <//>`;
}

function Compared({ comparison, choices, reload }) {
  const { ids, hidden, splits } = choices;
  const baseline = comparison.jobs.find((job) => job.id === choices.baseline) ?? null;
  const height = useMemo(() => (innerWidth > 1900 ? 460 : innerWidth < 600 ? 240 : 340), []);
  return html`
    <${JobsTable} ...${{ comparison, ids, baseline, hidden, toggle: choices.toggle, remove: choices.remove, setBaseline: (id) => choices.change({ baseline: id }) }} />
    <${Tools} ...${{ choices, baseline }} />
    <${Charts} ...${{ comparison, ids, baseline, hidden, splits, height, smoothing: choices.smoothing, log: choices.log, zoom: choices.zoom, setZoom: choices.setZoom }} />
    <div class="compare-words"><${Verdicts} ...${{ comparison, ids, reload }} />
      <section class="section"><h2>${t("compare.differences")}</h2><${Differences} ...${{ comparison, ids, baseline }} /></section></div>
    <${ComparedParallel} ...${{ comparison, ids, hidden, brushes: choices.brushes, setBrushes: (brush) => choices.change({ brush }) }} />`;
}

export default function Compare() {
  const choices = useChoices();
  const { comparison, problem, reload } = useComparison(choices.ids, choices.baseline);
  useTitle(t("compare.title"));
  if (choices.ids.length < 2) return html`<${Begin} choices=${choices} />`;
  const full = choices.ids.length >= MOST_JOBS;
  return html`<div class="compare">
    <header class="page-header"><h1>${t("compare.title")}</h1>
      <div class="page-actions">
        ${choices.baseline && html`<${Button} kind="quiet" onClick=${() => choices.change({ baseline: null })}>${t("compare.no_baseline")}<//>`}
        ${full ? html`<span class="muted small">${t("compare.full", { n: MOST_JOBS })}</span>`
          : html`<${JobPicker} label=${t("compare.add")} placeholder=${t("compare.add")} chosen=${choices.ids} choose=${(row) => choices.add(row.id)} />`}
      </div></header>
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${reload}>${problem.status === 404 && html`<${Missing} ids=${choices.ids} remove=${choices.remove} />`}<//>`}
    ${comparison?.jobs.length >= 2 ? html`<${Compared} ...${{ comparison, choices, reload }} />` : !problem && html`<${Loading} />`}
  </div>`;
}

// Of an address with jobs that are gone: a button for each that leaves it out.
function Missing({ ids, remove }) {
  const { value } = useRead(async (signal) => {
    const { data } = await get("/v1/job-summaries", { id: ids }, { signal });
    return ids.filter((id) => !data.some((row) => row.id === id));
  }, [ids.join()]);
  return html`<p class="compare-missing">${(value ?? []).map((id) => html`<${Button} key=${id} onClick=${() => remove(id)}>${t("compare.leave_out", { id })}<//>`)}</p>`;
}
