// One sweep: what varies, how far it is, which values are best, and the answer where it is an experiment.
import { html, useMemo } from "../dom.js";
import { Link, useQuery } from "../router.js";
import { may } from "../session.js";
import { number, percent, t } from "../text.js";
import { ErrorPanel, Loading, Time } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { Parallel } from "../charts/parallel.js";
import { isWithin, axisOf, readBrushes } from "../charts/parallel_scales.js";
import { fieldWords, valueWords, useFieldNames } from "../compare/fields.js";
import { objectiveAxis } from "../compare/parallel.js";
import { MOST_JOBS } from "../compare/model.js";
import { Answer } from "../sweeps/answer.js";
import { MEASURES, SweepCurves } from "../sweeps/curves.js";
import { accuracyOf, useSweep } from "../sweeps/data.js";
import { fieldsOf } from "../sweeps/grid.js";
import { SweepActions, SweepProgress, SweepStatus, sweepName, trialWords } from "../sweeps/parts.js";
import { Trials } from "../sweeps/trials.js";

const COLOURED = 5; // the best so many, where nobody has chosen others

const known = (trial) => accuracyOf(trial.best) !== null && !Number.isNaN(accuracyOf(trial.best));

// Trials by their best accuracy; of equal ones the first.
const byAccuracy = (trials) => trials.filter((trial) => trial.url && known(trial)).sort((a, b) => accuracyOf(b.best) - accuracyOf(a.best) || a.number - b.number);

function Space({ sweep }) {
  const entries = Object.entries(sweep.space);
  return html`<dl class="sweeps-space">${entries.map(([path, values]) => {
    const [label, part] = fieldWords(path);
    return html`<div key=${path}><dt title=${path}>${part && html`<small>${part} › </small>`}${label}</dt>
      <dd>${values.map((value) => html`<span class="sweeps-value user-text" key=${JSON.stringify(value)}>${valueWords(value)}</span>`)}</dd></div>`;
  })}</dl>`;
}

function Best({ trial }) {
  if (!trial) return null;
  return html`<section class="sweeps-callout"><div><h2>${t("sweeps.best_so_far")}</h2>
    <p><b class="sweeps-callout-number">${percent(accuracyOf(trial.best))}</b> ${t("sweeps.with", { number: number(trial.number) })} <span class="user-text">${trialWords(trial)}</span></p></div>
    <p class="page-actions"><${Link} class="button" to=${`/jobs/${trial.job_id}`}>${t("sweeps.open_job")}<//>
      ${may("train") && html`<${Link} class="button" to=${`/new?from=${trial.job_id}`}>${t("sweeps.train_again")}<//>`}</p></section>`;
}

// Axes and rows of the parallel coordinates. Of values that are whole parts, such as an architecture with its options,
// each field that differs has an axis of its own.
function useParallel(sweep, chosen) {
  const names = useFieldNames();
  const word = t("compare.best");
  const found = useMemo(() => {
    const trials = sweep.trials.filter((trial) => trial.url).map((trial) => ({ trial, fields: Object.fromEntries(fieldsOf(trial.values)) }));
    const paths = [...new Set(trials.flatMap((each) => Object.keys(each.fields)))].filter((path) => new Set(trials.map((each) => JSON.stringify(each.fields[path]))).size > 1);
    return { trials, paths };
  }, [sweep.trials.map((trial) => `${trial.job_id} ${trial.url && accuracyOf(trial.best)}`).join()]); // losses change more often
  const axes = useMemo(() => [...found.paths.map((path) => ({ key: path, label: fieldWords(path)[0], part: fieldWords(path)[1], title: path })), objectiveAxis()],
    [found.paths.join(), word, names]);
  const rows = useMemo(() => found.trials.map(({ trial, fields }) => ({
    id: trial.job_id, label: `${trial.number} ${trial.label ?? ""}`.trim(), strong: chosen.has(trial.job_id),
    colour: chosen.has(trial.job_id) ? `var(${chosen.get(trial.job_id)})` : "color-mix(in srgb, var(--muted) 55%, var(--paper))",
    values: { ...fields, [objectiveAxis().key]: accuracyOf(trial.best) },
  })), [found, chosen]);
  return { axes, rows };
}

function Inside({ state, query, change }) {
  const { sweep, jobs, curves } = state;
  const ranked = byAccuracy(sweep.trials);
  const picks = query.getAll("pick");
  const ids = picks.length ? picks.filter((id) => id !== "none").slice(0, MOST_JOBS) : ranked.slice(0, COLOURED).map((trial) => trial.job_id);
  const chosen = useMemo(() => new Map(ids.map((id, n) => [id, `--c${(n % MOST_JOBS) + 1}`])), [ids.join()]);
  const brushes = query.getAll("brush");
  const { axes, rows } = useParallel(sweep, chosen);
  const within = useMemo(() => {
    const scales = axes.map((axis) => axisOf(axis, rows, valueWords));
    const ranges = readBrushes(brushes);
    return new Set([...rows.filter((row) => isWithin(row, scales, ranges)).map((row) => row.id), ...(ranges.size ? [] : sweep.trials.map((trial) => trial.job_id))]);
  }, [axes, rows, brushes.join("\n")]);
  const choose = (id) => {
    const next = ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id];
    change({ pick: next.length ? next : ["none"] });
  };
  const parallel = useMemo(() => html`<${Parallel} title=${t("compare.parallel_title")} ...${{ axes, rows, words: valueWords, brushes }}
    setBrushes=${(brush) => change({ brush })} height=${384} />`, [axes, rows, brushes.join("\n")]);
  const measure = MEASURES.includes(query.get("measure")) ? query.get("measure") : MEASURES[0];
  const shown = useMemo(() => sweep.trials.filter((trial) => within.has(trial.job_id)), [sweep, within]);
  const { spec } = sweep;
  const labelled = sweep.trials.some((trial) => trial.label);
  return html`
    <header class="page-header"><div><h1 class="user-text">${sweepName(sweep)}</h1>
      <p class="sweeps-facts"><${SweepStatus} status=${sweep.status} /> <span class="muted"><${Time} at=${sweep.created_at} /></span>
        ${spec.dataset && html`<span class="muted user-text">${t("sweeps.on", { dataset: String(spec.dataset) })}</span>`}
        ${sweep.experiment && html`<${Link} to=${`/experiments/${sweep.experiment}`}>${t("sweeps.its_experiment")}<//>`}</p></div>
      <div class="page-actions">${ids.length >= 2 && html`<${Link} class="button" to=${`/compare?${ids.map((id) => `job=${id}`).join("&")}`}>${t("sweeps.compare", { n: ids.length })}<//>`}
        <${SweepActions} sweep=${sweep} reload=${state.reload} /></div></header>
    <${SweepProgress} sweep=${sweep} jobs=${jobs} />
    ${sweep.experiment ? html`<${Answer} sweep=${sweep} />` : html`<${Space} sweep=${sweep} /><${Best} trial=${ranked[0]} />`}
    <section class="section sweeps-charts">
      <${SweepCurves} trials=${shown} ...${{ curves, chosen, measure }} setMeasure=${(each) => change({ measure: each })} log=${query.get("log") === "1"} setLog=${(each) => change({ log: each ? "1" : null })} />
      ${parallel}</section>
    <section class="section"><h2>${t("sweeps.jobs")}</h2>
      <${Trials} ...${{ sweep, jobs, chosen, choose, within }} best=${ranked[0]} most=${MOST_JOBS} sort=${query.get("sort") ?? (labelled ? "number" : "-best")} setSort=${(sort) => change({ sort })} /></section>`;
}

export default function Sweep({ id }) {
  const state = useSweep(id);
  const [query, change] = useQuery();
  useTitle(state.sweep ? sweepName(state.sweep) : t("common.nav_sweeps"));
  if (!state.sweep) return state.problem ? html`<h1 class="visually-hidden">${t("common.nav_sweeps")}</h1><${ErrorPanel} problem=${state.problem} retry=${state.reload}><p><${Link} to="/sweeps">${t("sweeps.to_list")}<//></p><//>` : html`<${Loading} />`;
  return html`<div class="sweeps">${state.problem && html`<${ErrorPanel} problem=${state.problem} retry=${state.reload} />`}
    <${Inside} ...${{ state, query, change }} /></div>`;
}
