// What a model was measured to do: on its own test split, and on other data sets.
import { html, useEffect, useState } from "../dom.js";
import { get, post } from "../api.js";
import { Button, ErrorPanel, Field, Picture, Status, Time, useRead } from "../components/basics.js";
import { Link } from "../router.js";
import { may } from "../session.js";
import { DASH, number, percent, short, t } from "../text.js";
import { Making } from "./files.js";

const READ_AGAIN = 2000;
const WORST = 6;

const interval = ({ accuracy, accuracy_interval: between }) => html`<span class="models-figure">${percent(accuracy)}</span> <span class="models-beside">${t("models.interval", { low: percent(between.low, 1), high: percent(between.high, 1) })}</span>`;

// Accuracy with its interval, calibration, the weakest classes and the most confused pairs.
export function Measured({ evaluation, mistakes = null }) {
  const worst = evaluation.classes.filter((each) => each.recall !== null && each.recall < 1).sort((a, b) => a.recall - b.recall).slice(0, WORST);
  const { calibration } = evaluation;
  return html`<div class="models-measured"><dl class="facts">
      <div><dt>${t("models.accuracy_on", { n: number(evaluation.images) })}</dt><dd>${interval(evaluation)}</dd></div>
      ${evaluation.top5_accuracy !== null && html`<div><dt>${t("models.top5")}</dt><dd>${percent(evaluation.top5_accuracy)}</dd></div>`}
      <div><dt>${t("models.loss")}</dt><dd>${evaluation.loss === null ? DASH : short(evaluation.loss)}</dd></div>
      <div><dt>${t("models.f1")}</dt><dd>${percent(evaluation.means.f1)}</dd></div>
      <div><dt>${t("models.ece")}</dt><dd>${percent(evaluation.reliability.ece)}${calibration && html` <span class="models-beside">${t("models.ece_after", { after: percent(calibration.ece_after), temperature: short(calibration.temperature, 3) })}</span>`}</dd></div></dl>
    <div class="models-worst">
      ${worst.length > 0 && html`<table class="table"><caption>${t("models.worst")}</caption><thead><tr><th scope="col">${t("models.class")}</th><th scope="col" class="num">${t("models.recall")}</th><th scope="col" class="num">${t("models.right")}</th></tr></thead>
        <tbody>${worst.map((each) => html`<tr key=${each.name}><th scope="row"><span class="user-text">${each.name}</span></th><td class="num">${percent(each.recall, 1)}</td><td class="num">${t("models.of", { n: number(each.correct), all: number(each.images) })}</td></tr>`)}</tbody></table>`}
      ${evaluation.pairs.length > 0 && html`<table class="table"><caption>${t("models.pairs")}</caption><thead><tr><th scope="col">${t("models.pair")}</th><th scope="col" class="num">${t("models.images")}</th></tr></thead>
        <tbody>${evaluation.pairs.slice(0, WORST).map((each) => html`<tr key=${`${each.label}/${each.predicted}`}><th scope="row"><span class="user-text">${each.label} → ${each.predicted}</span></th><td class="num">${number(each.images)}</td></tr>`)}</tbody></table>`}
    </div>
    ${mistakes && evaluation.mistakes.length > 0 && html`<details class="models-mistakes"><summary>${t("models.mistakes")}</summary><${Lazy} path=${mistakes} /></details>`}
  </div>`;
}

const Lazy = ({ path }) => html`<div class="models-sheet" tabindex="0" role="group" aria-label=${t("models.mistakes")}><${Picture} path=${path} alt=${t("models.mistakes")} loading="lazy" /></div>`;

// On the test split of its own job.
export function OwnEvaluation({ model }) {
  const read = useRead((signal) => get(`/v1/jobs/${model.job_id}/evaluation`, {}, { signal }), [model.job_id]);
  if (read.problem?.status === 404 || read.problem?.status === 409) return null; // it was not measured, or the job is deleted
  return html`<section class="section"><h2>${t("models.measured_on", { name: model.data.name ? `${model.data.name}${model.data.version === null ? "" : `@${model.data.version}`}` : DASH })}</h2>
    <div class="models-measured-wrap">${read.problem ? html`<${ErrorPanel} problem=${read.problem} retry=${read.reload} />` : read.value && html`<${Measured} evaluation=${read.value} />`}</div></section>`;
}

export function Evaluations({ model }) {
  const path = `/v1/models/${model.id}/evaluations`;
  const read = useRead((signal) => get(path, { limit: 100 }, { signal }), [path]);
  const rows = read.value?.data ?? [];
  const open = rows.some((each) => !each.finished_at);
  useEffect(() => {
    if (!open) return undefined;
    const timer = setInterval(() => document.hidden || read.reload(), READ_AGAIN);
    return () => clearInterval(timer);
  }, [open]);
  return html`<section class="section models-evaluations"><h2>${t("models.evaluations")}</h2><p class="muted">${t("models.evaluations_text")}</p>
    ${read.problem && html`<${ErrorPanel} problem=${read.problem} retry=${read.reload} />`}
    ${may("train") && html`<${Start} path=${path} done=${read.reload} />`}
    ${rows.map((each) => html`<${Evaluation} key=${each.id} row=${each} />`)}</section>`;
}

function Start({ path, done }) {
  const datasets = useRead(async (signal) => (await get("/v1/datasets", {}, { signal })).data.filter((each) => each.usable), []);
  const [dataset, setDataset] = useState("");
  const [split, setSplit] = useState("test");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await post(path, { dataset, split });
      done();
    } catch (found) {
      setProblem(found);
    }
    setBusy(false);
  };
  return html`<form class="models-row" onSubmit=${submit}>
    <${Field} label=${t("models.dataset")}>${(control) => html`<select ...${control} value=${dataset} onChange=${(event) => setDataset(event.target.value)}><option value="">${t("models.choose_dataset")}</option>${(datasets.value ?? []).map((each) => html`<option value=${each.name}>${each.name}</option>`)}</select>`}<//>
    <${Field} label=${t("models.split")}>${(control) => html`<select ...${control} value=${split} onChange=${(event) => setSplit(event.target.value)}><option value="test">${t("models.split_test")}</option><option value="train">${t("models.split_train")}</option></select>`}<//>
    <${Button} type="submit" busy=${busy} disabled=${!dataset}>${t("models.evaluate")}<//>
    ${problem && html`<${ErrorPanel} problem=${problem} />`}</form>`;
}

function Evaluation({ row }) {
  const [open, setOpen] = useState(false);
  const done = row.status === "succeeded";
  const whole = useRead((signal) => (done ? get(row.links.self, {}, { signal }) : Promise.resolve(null)), [row.id, done]);
  return html`<article class="models-evaluation" data-status=${row.status}>
    <div class="models-evaluation-head"><${Link} class="user-text" to=${`/datasets/${row.dataset}${row.version === null ? "" : `/${row.version}`}`}>${row.dataset}${row.version !== null && `@${row.version}`}<//> <span class="muted">${t(`models.split_${row.split}`)}</span>
      ${done ? whole.value?.figures && html`<span>${interval(whole.value.figures)}</span>` : html`<${Status} status=${row.status} />`}<span class="muted small"><${Time} at=${row.created_at} /></span>
      ${done && html`<${Button} kind="quiet" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? t("models.less") : t("models.details")}<//>`}</div>
    ${!row.finished_at && html`<${Making} task=${row} />`}
    ${row.error && html`<p class="models-file-error user-text">${row.error.message} ${row.error.hint}</p>`}
    ${open && whole.value?.evaluation && html`<${Measured} evaluation=${whole.value.evaluation} mistakes=${row.links.mistakes_png} />`}
    ${whole.problem && html`<${ErrorPanel} problem=${whole.problem} retry=${whole.reload} />`}
  </article>`;
}
