// The search for wrong labels: how it is started, how far it is, and its suspects, which become changes.
import { html, classes, useEffect, useState } from "../dom.js";
import { get, post } from "../api.js";
import { Button, ErrorPanel, Field, Loading, Picture, Progress, Status, Time, useRead } from "../components/basics.js";
import { confirm, toastProblem } from "../components/overlays.js";
import { Link } from "../router.js";
import { may } from "../session.js";
import { number, percent, t } from "../text.js";
import { addEdit, changeOf, useEdits } from "./edits.js";
import { versionPath } from "./follow.js";

const READ_AGAIN = 2500;
const PAGE = 60;

export function Audits({ version }) {
  const path = versionPath(version.name, version.version);
  const read = useRead((signal) => get(`${path}/audits`, {}, { signal }), [path]);
  const audits = read.value?.data ?? [];
  const running = audits.some((each) => each.status === "running");
  const [chosen, choose] = useState(null);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => document.hidden || read.reload(), READ_AGAIN);
    return () => clearInterval(timer);
  }, [running]);
  if (read.problem && !read.value) return html`<${ErrorPanel} problem=${read.problem} retry=${read.reload} />`;
  if (!read.value) return html`<${Loading} />`;
  const audit = audits.find((each) => each.id === chosen) ?? audits[0];
  return html`<div class="datasets-audits">
    ${!running && may("train") && html`<${Start} path=${path} first=${!audits.length} done=${(made) => (choose(made.id), read.reload())} />`}
    ${audits.length > 1 && html`<label class="datasets-audit-choice">${t("datasets.audit")} <select value=${audit.id} onChange=${(event) => choose(event.target.value)}>${audits.map((each) => html`<option value=${each.id}>${each.id} · ${t(`common.${each.status}`)}</option>`)}</select></label>`}
    ${audit && html`<${Audit} key=${audit.id} version=${version} audit=${audit} reload=${read.reload} />`}
  </div>`;
}

function Start({ path, first, done }) {
  const [folds, setFolds] = useState(5);
  const [epochs, setEpochs] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      done(await post(`${path}/audit`, { folds, ...(epochs && { spec: { epochs: Number(epochs) } }) }));
    } catch (found) {
      setProblem(found);
    }
    setBusy(false);
  };
  return html`<details class="datasets-audit-start" open=${first}><summary>${first ? t("datasets.audit_title") : t("datasets.audit_again")}</summary>
    <p class="muted">${t("datasets.audit_text")}</p>
    <form onSubmit=${submit}>
      <${Field} label=${t("datasets.folds")} hint=${t("datasets.folds_hint")}>${(control) => html`<input type="number" ...${control} min="2" max="10" value=${folds} onInput=${(event) => setFolds(event.target.valueAsNumber)} />`}<//>
      <${Field} label=${t("datasets.epochs")} hint=${t("datasets.epochs_hint")}>${(control) => html`<input type="number" ...${control} min="1" value=${epochs} onInput=${(event) => setEpochs(event.target.value)} />`}<//>
      <${Button} type="submit" kind=${first ? "primary" : "plain"} busy=${busy} disabled=${!(folds >= 2 && folds <= 10)}>${t("datasets.audit_start", { n: folds || "?" })}<//>
    </form>
    ${problem && html`<${ErrorPanel} problem=${problem} />`}</details>`;
}

function Audit({ version, audit, reload }) {
  const cancel = async () => {
    if (!(await confirm({ title: t("datasets.audit_cancel"), text: t("datasets.audit_cancel_text"), action: t("datasets.audit_cancel"), danger: true }))) return;
    await post(audit.links.cancel).catch(toastProblem);
    reload();
  };
  const { progress, result, error } = audit;
  return html`<section class="datasets-audit" data-status=${audit.status}>
    <p class="datasets-audit-head"><${Status} status=${audit.status} /> <${Time} at=${audit.created_at} /> <span class="muted">${t("datasets.audit_jobs")}</span>
      ${audit.jobs.map((each, at) => html`<${Link} key=${each.id} to=${`/jobs/${each.id}`} title=${each.id}>${at + 1}<//> `)}
      ${audit.status === "running" && may("train") && html`<${Button} onClick=${cancel}>${t("common.cancel")}<//>`}</p>
    ${progress && html`<div class="datasets-progress"><${Progress} value=${progress.total ? progress.done / progress.total : 0} label=${t("datasets.audit")} />
      <p class="muted">${t(progress.stage === "judging" ? "datasets.audit_judging" : "datasets.audit_training", { done: number(progress.done), total: number(progress.total) })}</p></div>`}
    ${error && html`<${ErrorPanel} problem=${{ status: -1, title: t("datasets.audit_failed"), detail: error.message, errors: [] }}>${error.hint && html`<p>${error.hint}</p>`}${error.job && html`<p><${Link} to=${`/jobs/${error.job}`}>${error.job}<//></p>`}<//>`}
    ${result && html`<${Result} result=${result} />${result.suspects > 0 && html`<${Suspects} version=${version} audit=${audit} />`}`}
  </section>`;
}

function Result({ result }) {
  const accuracy = (each) => html`${percent(each.accuracy, 1)}${each.leaked > 0 && html` <span class="muted small">${t("datasets.without_leaked", { share: percent(each.without_leaked, 1), n: number(each.leaked) })}</span>`}`;
  return html`<dl class="facts"><div><dt>${t("datasets.suspects")}</dt><dd class="datasets-figure">${number(result.suspects)}</dd></div>
    <div><dt>${t("datasets.noise_rate")}</dt><dd class="datasets-figure">${percent(result.noise_rate, 1)}</dd></div>
    <div><dt>${t("datasets.judged")}</dt><dd>${t("datasets.of", { sent: number(result.judged), all: number(result.images) })}</dd></div>
    <div><dt>${t("datasets.accuracy_train")}</dt><dd>${accuracy(result.train)}</dd></div><div><dt>${t("datasets.accuracy_test")}</dt><dd>${accuracy(result.test)}</dd></div></dl>
    ${result.suspects === 0 && html`<p class="datasets-clean">${t("datasets.no_suspects")}</p>`}`;
}

function Suspects({ version, audit }) {
  const first = useRead((signal) => get(audit.links.suspects, { limit: PAGE }, { signal }), [audit.id]);
  const [more, setMore] = useState([]);
  const [least, setLeast] = useState(0.9);
  const edits = useEdits(version);
  const rows = [...(first.value?.data ?? []), ...more.flatMap((each) => each.data)];
  const last = more.at(-1) ?? first.value;
  const next = () => get(last.next).then((page) => setMore([...more, page]), toastProblem);
  const all = (edit) => addEdit(version, { audit: { id: audit.id, least_probability: least }, ...edit });
  if (first.problem) return html`<${ErrorPanel} problem=${first.problem} retry=${first.reload} />`;
  return html`<div>
    ${may("train") && html`<div class="datasets-tools"><span>${t("datasets.all_suspects")}</span>
      <select aria-label=${t("datasets.least")} value=${least} onChange=${(event) => setLeast(Number(event.target.value))}>${[0.99, 0.95, 0.9, 0.75, 0.5, 0].map((each) => html`<option value=${each}>${each ? t("datasets.at_least", { share: percent(each, 0) }) : t("datasets.any_probability")}</option>`)}</select>
      <${Button} onClick=${() => all({ likely_label: true })}>${t("datasets.relabel_all")}<//><${Button} onClick=${() => all({ exclude: true })}>${t("datasets.leave_all_out")}<//></div>`}
    <ul class="datasets-grid datasets-suspects">${rows.map((each) => html`<${Suspect} key=${each.image} version=${version} suspect=${each} change=${changeOf(edits, each.image)} />`)}</ul>
    ${last?.has_more && html`<p class="datasets-more"><${Button} onClick=${next}>${t("datasets.more_images", { n: PAGE })}<//></p>`}</div>`;
}

function Suspect({ version, suspect, change }) {
  const { image, given, likely } = suspect;
  return html`<li class=${classes("datasets-thumb", change?.exclude && "datasets-thumb-out")}>
    <span class="datasets-thumb-picture"><${Picture} path=${suspect.picture} alt=${t("datasets.picture_of", { name: given })} loading="lazy" /></span>
    <p class="datasets-suspect"><span class="user-text" title=${percent(suspect.given_probability, 1)}>${given}</span> → <strong class="user-text" title=${percent(suspect.likely_probability, 1)}>${likely}</strong> <span class="muted">${percent(suspect.likely_probability, 0)}</span></p>
    ${may("train") && (change
      ? html`<p class="muted small">${change.exclude ? t("datasets.left_out") : `→ ${change.label}`}</p>`
      : html`<p class="datasets-suspect-actions"><${Button} onClick=${() => addEdit(version, { images: [image], label: likely })} title=${t("datasets.relabel_title", { name: likely })}>${t("datasets.agree")}<//>
          <${Button} kind="quiet" onClick=${() => addEdit(version, { images: [image], exclude: true })}>${t("datasets.leave_out")}<//></p>`)}</li>`;
}
