// The pictures that a cell of the confusion matrix is made of, and the mistakes that were made with most confidence.
import { html, useState } from "../dom.js";
import { percent, t } from "../text.js";
import { Button, ErrorPanel, Loading, Picture, useRead } from "../components/basics.js";
import { Dialog } from "../components/overlays.js";
import { canRead, predictionsOf } from "./predictions.js";

const SHOWN = 60;

// Images can be shown where they are in an uploaded data set.
export const hasPictures = (job) => job.dataset.version !== null;

function pathOf(job, image) {
  const name = job.dataset.name.split("@")[0];
  return `/v1/datasets/${encodeURIComponent(name)}/versions/${job.dataset.version}/images/${image}`;
}

function Shown({ job, each, caption }) {
  return html`<li class="job-picture">${hasPictures(job) ? html`<${Picture} path=${pathOf(job, each.image)} alt="" loading="lazy" />` : null}
    <span class="user-text">${caption}</span></li>`;
}

// The images of one cell, the most confident ones first.
export function Cell({ job, split, classes, count, mistakes, cell: [label, predicted], close }) {
  const [most, setMost] = useState(SHOWN);
  const { value, problem, reload } = useRead(async (signal) => {
    if (canRead(job)) return (await predictionsOf(job, split, signal)).filter((each) => each.label === label && each.predicted === predicted);
    return mistakes.filter((each) => each.label === classes[label] && each.predicted === classes[predicted]).map((each) => ({ ...each, labelProbability: each.label_probability }));
  }, [job.id, label, predicted]);
  const rows = (value ?? []).slice().sort((a, b) => b.probability - a.probability);
  const title = t(label === predicted ? "job.cell_title_right" : "job.cell_title_wrong", { label: classes[label], predicted: classes[predicted] });
  const caption = (each) => (label === predicted ? percent(each.probability, 1) : t("job.both_probabilities", { predicted: percent(each.probability, 1), label: percent(each.labelProbability, 1) }));
  return html`<${Dialog} title=${title} close=${close} wide>
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${reload} />`}
    ${!value && !problem && html`<${Loading} />`}
    ${value && html`<p class="muted">${t("job.cell_images", { n: count })} ${count > rows.length ? t("job.cell_some", { n: rows.length }) : ""} ${hasPictures(job) ? "" : t("job.cell_no_pictures")}</p>`}
    ${rows.length > 0 && html`<ul class=${hasPictures(job) ? "job-pictures" : "job-pictures job-pictures-none"}>${rows.slice(0, most).map(
      (each) => html`<${Shown} key=${each.image} job=${job} each=${each} caption=${caption(each)} />`)}</ul>`}
    ${rows.length > most && html`<p><${Button} onClick=${() => setMost(most + SHOWN)}>${t("common.more")}<//></p>`}
  <//>`;
}

export function Mistakes({ job, mistakes }) {
  const [most, setMost] = useState(24);
  if (!mistakes.length || !hasPictures(job)) return null;
  return html`<section class="section"><h2>${t("job.mistakes")}</h2><p class="muted job-under">${t("job.mistakes_text")}</p>
    <ul class="job-pictures">${mistakes.slice(0, most).map((each) => html`<${Shown} key=${each.index} job=${job} each=${each}
      caption=${t("job.mistake", { label: each.label, predicted: each.predicted, probability: percent(each.probability, 0) })} />`)}</ul>
    ${mistakes.length > most && html`<p class="job-under"><${Button} onClick=${() => setMost(most + 48)}>${t("common.more")}<//></p>`}
  </section>`;
}
