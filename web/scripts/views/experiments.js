// Experiments: questions that several jobs answer together.
import { html } from "../dom.js";
import { get } from "../api.js";
import { Link } from "../router.js";
import { number, t } from "../text.js";
import { ErrorPanel, Loading, Time, useRead } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { One } from "../experiments/one.js";
import { epochsOf, runsOf } from "../experiments/data.js";
import { SweepStatus } from "../sweeps/parts.js";

function Entry({ experiment, run }) {
  const preset = experiment.sizes.small;
  return html`<li class="experiments-entry"><h2><${Link} to=${`/experiments/${experiment.name}`}>${experiment.title}<//></h2>
    <p class="experiments-entry-question">${experiment.question}</p>
    <p class="experiments-entry-foot small"><span class="muted">${t("common.jobs_count", { n: preset.trials.length })}, ${t("common.epochs_count", { n: epochsOf(preset) })}</span>
      ${run ? html`<span class="experiments-entry-run"><${SweepStatus} status=${run.status} />${run.status === "running" && html` <span class="muted">${number(run.progress.percent)} %</span>`} <span class="muted"><${Time} at=${run.created_at} /></span></span>`
        : html`<span class="muted">${t("experiments.never")}</span>`}</p></li>`;
}

function List() {
  const { value, problem, reload } = useRead((signal) => Promise.all([get("/v1/experiments", {}, { signal }), runsOf(null, signal)]), []);
  useTitle(t("common.nav_experiments"));
  return html`<header class="page-header"><div><h1>${t("common.nav_experiments")}</h1><p class="muted experiments-lead">${t("experiments.text")}</p></div></header>
    ${value ? html`<ul class="experiments-list">${value[0].data.map((each) => html`<${Entry} key=${each.name} experiment=${each} run=${value[1].find((run) => run.experiment === each.name)} />`)}</ul>`
      : problem ? html`<${ErrorPanel} problem=${problem} retry=${reload} />` : html`<${Loading} />`}`;
}

export default function Experiments({ name }) {
  return html`<div class="experiments">${name ? html`<${One} key=${name} name=${name} />` : html`<${List} />`}</div>`;
}
