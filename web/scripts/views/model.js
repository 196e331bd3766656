// One trained model: what it is, a place to try it, its files, names and evaluations.
import { html, useState } from "../dom.js";
import { address, del, get, key } from "../api.js";
import { Button, Code, ErrorPanel, Loading, Time, useRead } from "../components/basics.js";
import { Menu, confirm, toast, toastProblem } from "../components/overlays.js";
import { useTitle } from "../components/title.js";
import { Evaluations, OwnEvaluation } from "../models/evaluations.js";
import { Files } from "../models/files.js";
import { Names } from "../models/names.js";
import { TryIt } from "../models/try_it.js";
import { Link, navigate } from "../router.js";
import { may } from "../session.js";
import { bytes, number, percent, short, t } from "../text.js";

const FEW = 30; // classes that are shown at first

export default function Model({ id }) {
  const read = useRead((signal) => get(`/v1/models/${encodeURIComponent(id)}`, {}, { signal }), [id]);
  const model = read.value;
  const title = model && (model.names.length ? model.names.map((each) => `${each.name}@${each.version}`).join(", ") : [model.architecture, model.dataset].filter(Boolean).join(" · "));
  useTitle(title ?? id);
  if (read.problem && !model) return html`<${ErrorPanel} page problem=${read.problem} retry=${read.reload}><p><${Link} to="/models">${t("models.to_all")}<//></p><//>`;
  if (!model) return html`<${Loading} />`;
  return html`<p class="models-back"><${Link} to="/models">${t("common.nav_models")}<//></p><${Header} model=${model} title=${title} />
    <${Facts} model=${model} />
    <${TryIt} model=${model} exported=${read.reload} />
    ${model.job_id && model.files.some((each) => each.name === "predictions.safetensors") && html`<${OwnEvaluation} model=${model} />`}
    <div class="models-columns"><${Files} model=${model} changed=${read.reload} /><div><${Names} model=${model} changed=${read.reload} /><${Elsewhere} model=${model} /></div></div>
    <${Evaluations} model=${model} />
    <${ClassNames} names=${model.classes} />`;
}

function Header({ model, title }) {
  const remove = async () => {
    if (!(await confirm({ title: t("models.delete"), text: t(model.job_id ? "models.delete_text" : "models.delete_brought_text"), action: t("models.delete"), danger: true }))) return;
    try {
      await del(`/v1/models/${model.id}`);
      toast(t("models.deleted"));
      navigate("/models");
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const aliases = model.names.flatMap((each) => each.aliases);
  return html`<header class="page-header"><div><h1 class="user-text">${title}</h1>
      <p class="models-header-under">${aliases.map((each) => html`<span class="tag models-alias" key=${each}>${each}</span>`)}<span class="mono small muted">${model.id}</span><${Time} at=${model.created_at} /></p></div>
    <div class="page-actions">${may("train") && html`<${Link} class="button" to=${`/new?starting_weights=${model.id}`}>${t("models.train_on")}<//>`}
      ${model.job_id && html`<${Link} class="button" to=${`/jobs/${model.job_id}`}>${t("models.its_job")}<//>`}
      ${may("train") && html`<${Menu} label=${t("common.more")} items=${[{ label: t("models.delete"), danger: true, act: remove }]} />`}</div></header>`;
}

function Facts({ model }) {
  const { metrics, input, data, source } = model;
  const fact = (name, value) => html`<div><dt>${t(`models.${name}`)}</dt><dd>${value}</dd></div>`;
  const dataset = data.name && html`<${Link} class="user-text" to=${`/datasets/${data.name}${data.version === null ? "" : `/${data.version}`}`}>${data.name}${data.version !== null && `@${data.version}`}<//>`;
  return html`<dl class="facts models-facts">${fact("architecture", model.architecture)}${fact("trained_on", dataset ?? t("models.unknown"))}
    ${fact("test_accuracy", html`<strong>${percent(metrics?.test_accuracy)}</strong>`)}${metrics?.validation_accuracy != null && fact("validation_accuracy", percent(metrics.validation_accuracy))}
    ${metrics && fact("test_loss", short(metrics.test_loss))}
    ${fact("takes", `${input.size} × ${input.size} ${t(input.channels === 1 ? "models.grey" : "models.rgb")}`)}${input.resize && fact("resize", t(`models.resize_${input.resize}`))}
    ${fact("weights_of", metrics && model.which !== "brought" ? t(`models.which_${model.which}`, { n: metrics.epoch }) : t(`models.which_${model.which === "brought" ? "brought" : "unmeasured"}`))}
    ${source && fact("source", html`<span title=${source.sha256}>${bytes(source.bytes)} · ${source.names}</span>`)}</dl>`;
}

function Elsewhere({ model }) {
  const named = model.names[0];
  const reference = named ? `${named.name}${named.aliases.length ? `@${named.aliases[0]}` : `@${named.version}`}` : model.id;
  const url = `${location.origin}${address(`/v1/models/${reference}/predict`)}`;
  const header = key.value ? " -H \"Authorization: Bearer $EPOCHAL_API_KEY\"" : "";
  return html`<section class="section"><h2>${t("models.elsewhere")}</h2><${Code} label="curl" text=${`curl${header} -H 'Content-Type: image/png' \\\n  --data-binary @picture.png \\\n  '${url}?top=3'`} /></section>`;
}

function ClassNames({ names }) {
  const [all, setAll] = useState(false);
  const shown = all ? names : names.slice(0, FEW);
  return html`<section class="section"><h2>${t("models.classes_count", { n: number(names.length) })}</h2><p class="models-classes">${shown.map((each) => html`<span class="tag user-text" key=${each} title=${each}>${each}</span> `)}
    ${names.length > shown.length && html`<${Button} kind="quiet" onClick=${() => setAll(true)}>${t("models.all_classes")}<//>`}</p></section>`;
}
