// What the trained network does on the test images: how good it is and how sure that is, and where it is wrong.
import { html, useState } from "../dom.js";
import { download, get } from "../api.js";
import { loss, number, percent, short, t } from "../text.js";
import { Button, Empty, ErrorPanel, Loading, Picture, useRead } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";
import { splitName } from "./facts.js";
import { Matrix } from "./matrix.js";
import { Cell, Mistakes } from "./pictures.js";

const WORST = 10;

function Figures({ value }) {
  const { accuracy_interval: interval, reliability, means } = value;
  const figures = [
    ["accuracy", percent(value.accuracy), t("job.interval", { low: percent(interval.low, 1), high: percent(interval.high, 1) })],
    ["top5", value.top5_accuracy === null ? null : percent(value.top5_accuracy), t("job.top5_note")],
    ["loss", loss(value.loss), ""],
    ["f1", percent(means.f1, 1), t("job.f1_note")],
    ["ece", percent(reliability.ece, 1), t("job.ece_note")],
  ];
  return html`<dl class="job-facts">${figures.filter(([, figure]) => figure !== null).map(([name, figure, note]) => html`<div class="job-fact" key=${name}>
    <dt>${t(`job.figure_${name}`)}</dt><dd><span class="job-fact-value">${figure}</span><span class="job-fact-note">${note}</span></dd></div>`)}</dl>`;
}

function Classes({ classes }) {
  const [all, setAll] = useState(false);
  const sorted = classes.filter((each) => each.images > 0).sort((a, b) => a.recall - b.recall);
  const shown = all ? sorted : sorted.slice(0, WORST);
  return html`<section><h2>${t(all ? "job.all_classes" : "job.worst_classes")}</h2>
    <div class="table-wrap" tabindex="0" role="group" aria-label=${t("job.worst_classes")}><table class="table job-classes">
      <thead><tr><th scope="col">${t("job.class")}</th><th scope="col" class="num">${t("job.recall")}</th><th scope="col"><span class="visually-hidden">${t("job.recall")}</span></th><th scope="col" class="num">${t("job.precision")}</th><th scope="col" class="num">${t("job.images")}</th></tr></thead>
      <tbody>${shown.map((each) => html`<tr key=${each.name}><th scope="row" class="user-text">${each.name}</th><td class="num">${percent(each.recall, 1)}</td>
        <td class="job-bar" aria-hidden="true"><span class="progress"><span class="progress-bar" style=${{ transform: `scaleX(${each.recall})` }}></span></span></td>
        <td class="num">${percent(each.precision, 1)}</td><td class="num">${number(each.images)}</td></tr>`)}</tbody></table></div>
    ${sorted.length > WORST && html`<p class="job-under"><${Button} onClick=${() => setAll(!all)}>${t(all ? "job.only_worst" : "job.show_all_classes", { n: sorted.length })}<//></p>`}
  </section>`;
}

function Pairs({ pairs, classes, open }) {
  if (!pairs.length) return null;
  return html`<section><h3>${t("job.pairs")}</h3><ol class="job-pairs">${pairs.slice(0, WORST).map((each) => html`<li key=${`${each.label} ${each.predicted}`}>
    <button type="button" class="job-pair" onClick=${() => open([classes.indexOf(each.label), classes.indexOf(each.predicted)])}>
      <span class="user-text">${each.label} → ${each.predicted}</span><span class="num">${number(each.images)} · ${percent(each.share, 1)}</span></button></li>`)}</ol></section>`;
}

function Confusion({ confusion, pairs, open, save }) {
  const { classes, matrix } = confusion;
  return html`<section class="section"><h2>${t("job.matrix")}</h2>
    ${matrix ? html`<p class="muted">${t("job.matrix_text")}</p><div class="job-confusion"><${Matrix} classes=${classes} matrix=${matrix} open=${open} /><${Pairs} pairs=${pairs} classes=${classes} open=${open} /></div>` : html`<p class="muted">${t("job.matrix_large", { n: classes.length })}</p>`}
    <p class="job-downloads"><${Button} kind="quiet" onClick=${save("csv")}>${t("job.matrix_csv")}<//><${Button} kind="quiet" onClick=${save("svg")}>${t("job.matrix_svg")}<//></p>
  </section>`;
}

function Calibration({ model, calibration }) {
  return html`<section><h2>${t("job.calibration")}</h2>
    <p class="muted job-under">${t("job.calibration_text")} ${calibration && t("job.temperature", { temperature: short(calibration.temperature, 3), before: percent(calibration.ece_before, 1), after: percent(calibration.ece_after, 1) })}</p>
    <${Picture} class="job-reliability" path=${`${model.path}/reliability.svg`} alt=${t("job.reliability")} />
  </section>`;
}

export default function Evaluation({ model, job, final }) {
  if (job.predictions) return html`<${Evaluated} model=${model} job=${job} />`;
  return html`<${Empty} title=${t(final ? "job.no_evaluation" : "job.evaluation_later")}>${t("job.evaluation_text")}<//>`;
}

function Evaluated({ model, job }) {
  const [cell, setCell] = useState(null);
  const evaluation = useRead((signal) => get(`${model.path}/evaluation`, {}, { signal }), [job.id, job.predictions?.sha256]);
  const confusion = useRead((signal) => get(`${model.path}/confusion`, {}, { signal }), [job.id, job.predictions?.sha256]);
  const value = evaluation.value;
  if (evaluation.problem) return html`<${ErrorPanel} problem=${evaluation.problem} retry=${evaluation.reload} />`;
  if (!value) return html`<${Loading} label=${t("job.evaluating")} />`;
  const classes = confusion.value?.classes ?? value.classes.map((each) => each.name);
  const counted = ([label, predicted]) => confusion.value?.matrix?.[label][predicted] ?? value.pairs.find((each) => each.label === classes[label] && each.predicted === classes[predicted])?.images ?? 0;
  const save = (end) => () => download(`${model.path}/confusion.${end}`, `${job.id}-confusion.${end}`).catch(toastProblem);
  return html`<div class="job-evaluation">
    <p class="muted job-under">${t("job.evaluated_on", { n: value.images, split: splitName(value.split) })} ${value.undecided ? t("job.undecided", { n: value.undecided }) : ""}</p>
    <${Figures} value=${value} />
    <div class="job-evaluation-columns section"><${Classes} classes=${value.classes} /><${Calibration} model=${model} calibration=${value.calibration} /></div>
    ${confusion.problem && html`<${ErrorPanel} problem=${confusion.problem} retry=${confusion.reload} />`}
    ${confusion.value && html`<${Confusion} confusion=${confusion.value} pairs=${value.pairs} open=${setCell} save=${save} />`}
    <${Mistakes} job=${job} mistakes=${value.mistakes} />
    ${cell && html`<${Cell} key=${cell.join()} job=${job} split=${value.split} classes=${classes} count=${counted(cell)} mistakes=${value.mistakes} cell=${cell} close=${() => setCell(null)} />`}
  </div>`;
}
