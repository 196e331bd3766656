// One experiment: the question, what to expect and why, its jobs, the button that starts it, and the answer.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { get, idempotencyKey, post } from "../api.js";
import { Link, useQuery } from "../router.js";
import { may } from "../session.js";
import { duration, number, t } from "../text.js";
import { Button, ErrorPanel, Field, Loading, Time, useRead } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { fieldWords, valueWords, useFieldNames } from "../compare/fields.js";
import { Answer } from "../sweeps/answer.js";
import { useSweep } from "../sweeps/data.js";
import { SweepActions, SweepProgress, SweepStatus } from "../sweeps/parts.js";
import { epochsOf, runsOf, useEstimate } from "./data.js";

const SIZES = ["small", "full"];

function Size({ size, preset, chosen, choose }) {
  return html`<label class=${`experiments-size ${chosen ? "experiments-size-chosen" : ""}`}><input type="radio" name="size" checked=${chosen} onChange=${choose} />
    <span><b>${t(`experiments.${size}`)}</b> <span class="muted">${t(`experiments.${size}_text`)}</span>
      <small>${t("common.jobs_count", { n: preset.trials.length })}, ${t("common.epochs_count", { n: epochsOf(preset) })}, ${preset.dataset}</small></span></label>`;
}

function Estimate({ preset, dataset }) {
  const { seconds, device, problem, loading } = useEstimate(preset, dataset);
  if (loading) return html`<p class="small muted experiments-estimate">${t("experiments.estimating")}</p>`;
  if (problem) return html`<div class="notice notice-warn experiments-estimate"><p>${problem.detail || t("common.unreachable")}</p></div>`;
  return html`<p class="small muted experiments-estimate">${seconds === null ? t("experiments.no_estimate") : t("sweeps.estimate", { time: duration(Math.round(seconds)), device })}</p>`;
}

function Start({ experiment, started }) {
  const [query, change] = useQuery();
  const size = SIZES.includes(query.get("size")) ? query.get("size") : "small";
  const dataset = query.get("dataset");
  const preset = experiment.sizes[size];
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const { value: datasets } = useRead((signal) => get("/v1/datasets", {}, { signal }), []);
  const key = useMemo(idempotencyKey, [size, dataset, busy]);
  const start = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const sweep = await post(`/v1/experiments/${experiment.name}`, { size, dataset: dataset || null }, { headers: { "Idempotency-Key": key } });
      started(sweep.id);
    } catch (found) {
      setProblem(found);
    }
    setBusy(false);
  };
  return html`<div class="experiments-start">
    <fieldset class="experiments-sizes"><legend>${t("experiments.size")}</legend>${SIZES.filter((each) => experiment.sizes[each]).map((each) => html`<${Size} key=${each} size=${each} preset=${experiment.sizes[each]}
      chosen=${each === size} choose=${() => change({ size: each === "small" ? null : each })} />`)}</fieldset>
    <${Field} label=${t("sweeps.dataset")} hint=${t("experiments.dataset_hint", { dataset: preset.dataset })} error=${problem && (problem.errors?.map((each) => each.detail).join(" ") || problem.detail || problem.message)}>
      ${(control) => html`<select ...${control} value=${dataset ?? preset.dataset} onChange=${(event) => change({ dataset: event.target.value === preset.dataset ? null : event.target.value })}>
        ${(datasets?.data.filter((each) => each.usable).map((each) => each.name) ?? [preset.dataset]).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select>`}<//>
    <${Estimate} preset=${preset} dataset=${dataset} />
    ${may("train") && html`<p><${Button} kind="primary" busy=${busy} onClick=${start}>${t("experiments.start", { n: preset.trials.length })}<//></p>`}
  </div>`;
}

function TrialList({ preset }) {
  useFieldNames();
  const groups = [...new Set(preset.trials.map((trial) => trial.group))];
  const own = (trial) => Object.entries(trial.values).map(([path, value]) => `${fieldWords(path)[0]} ${valueWords(value)}`).join(" · ");
  return html`<details class="experiments-trials"><summary>${t("experiments.trials", { n: preset.trials.length })}</summary>
    ${groups.map((group) => html`<div key=${group}>${group && html`<h3>${group}</h3>`}<dl>${preset.trials.filter((trial) => trial.group === group).map((trial) => html`<div key=${trial.label}><dt>${trial.label}</dt><dd class="muted small">${own(trial)}</dd></div>`)}</dl></div>`)}
    <p class="small muted">${t("experiments.common")} <code>${JSON.stringify(preset.spec)}</code></p></details>`;
}

// The run that is shown: how far it is, and its answer.
function Run({ id }) {
  const { sweep, jobs, problem, reload } = useSweep(id);
  if (!sweep) return problem ? html`<${ErrorPanel} problem=${problem} retry=${reload} />` : html`<${Loading} />`;
  return html`<section class="section experiments-run"><header class="page-header"><div><h2>${t("experiments.run")}</h2>
      <p class="sweeps-facts"><${SweepStatus} status=${sweep.status} /> <span class="muted"><${Time} at=${sweep.created_at} /></span> <${Link} to=${`/sweeps/${id}`}>${t("experiments.its_sweep")}<//></p></div>
      <div class="page-actions"><${SweepActions} sweep=${sweep} reload=${reload} /></div></header>
    <${SweepProgress} sweep=${sweep} jobs=${jobs} />
    <${Answer} sweep=${sweep} context=${false} /></section>`;
}

function Runs({ runs, shown, show }) {
  if (runs.length < 2) return null;
  return html`<p class="experiments-runs"><span class="muted">${t("experiments.runs")}</span> ${runs.map((run) => html`<button type="button" key=${run.id} class="experiments-run-link" aria-pressed=${run.id === shown}
    onClick=${() => show(run.id)}><${Time} at=${run.created_at} absolute /> · ${number(run.progress.jobs_over)} / ${number(run.progress.jobs)}</button>`)}</p>`;
}

export function One({ name }) {
  const [query, change] = useQuery();
  const { value: experiment, problem, reload } = useRead((signal) => get(`/v1/experiments/${name}`, {}, { signal }), [name]);
  const { value: runs, reload: again } = useRead((signal) => runsOf(name, signal), [name]);
  const size = SIZES.includes(query.get("size")) ? query.get("size") : "small";
  useTitle(experiment?.title ?? t("common.nav_experiments"));
  const shown = query.get("run") ?? runs?.[0]?.id ?? null;
  const started = (id) => {
    change({ run: id });
    again();
  };
  useEffect(() => {
    if (query.get("run")) document.querySelector(".experiments-run")?.scrollIntoView({ block: "start", behavior: "smooth" });
  }, [query.get("run")]);
  if (!experiment) return problem ? html`<h1 class="visually-hidden">${t("common.nav_experiments")}</h1><${ErrorPanel} problem=${problem} retry=${reload}><p><${Link} to="/experiments">${t("experiments.to_list")}<//></p><//>` : html`<${Loading} />`;
  const preset = experiment.sizes[size];
  return html`<article class="experiments-one">
    <p class="experiments-crumb"><${Link} to="/experiments">${t("common.nav_experiments")}<//></p>
    <h1>${experiment.title}</h1>
    <div class="experiments-top">
      <div class="experiments-reading"><p class="experiments-question">${experiment.question}</p>
        <h2>${t("sweeps.expectation")}</h2>${experiment.expectation.split(/\n+/).map((text) => html`<p key=${text}>${text}</p>`)}
        <h3>${t("experiments.tested")}</h3><ol>${preset.expectations.map((text) => html`<li key=${text}>${text}</li>`)}</ol>
        <${TrialList} preset=${preset} /></div>
      <${Start} experiment=${experiment} started=${started} />
    </div>
    ${runs && html`<${Runs} runs=${runs} shown=${shown} show=${(id) => change({ run: id })} />`}
    ${shown ? html`<${Run} key=${shown} id=${shown} />` : runs && html`<p class="section muted">${t("experiments.not_run")}</p>`}
  </article>`;
}
