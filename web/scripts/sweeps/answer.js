// The answer to an experiment's question, in words, numbers and a picture; from the first job that has ended on.
import { html, useEffect, useState } from "../dom.js";
import { download, fetchResponse, get } from "../api.js";
import { Link } from "../router.js";
import { DASH, duration, loss, number, percent, t, toNumber } from "../text.js";
import { Button, ErrorPanel, Loading, Status, useRead } from "../components/basics.js";

const SIGNS = { confirmed: "✓", contradicted: "✗", undecided: "?", missing: "…" };

// The picture, drawn by the service. It is fetched anew as `version` changes.
function AnswerPicture({ path, title, version }) {
  const [address, setAddress] = useState(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    let made = null;
    fetchResponse("GET", path, { signal: abort.signal }).then((response) => response.blob()).then(
      (blob) => {
        if (abort.signal.aborted) return;
        made = URL.createObjectURL(blob);
        setFailed(false);
        setAddress((old) => {
          if (old) setTimeout(() => URL.revokeObjectURL(old), 1000);
          return made;
        });
      },
      () => abort.signal.aborted || setFailed(true),
    );
    return () => abort.abort();
  }, [path, version]);
  useEffect(() => () => address && URL.revokeObjectURL(address), []);
  if (failed) return html`<p class="muted">${t("common.no_picture")}</p>`;
  if (!address) return html`<div class="answer-picture answer-picture-waits"><${Loading} /></div>`;
  return html`<div class="answer-picture-wrap" tabindex="0" role="group" aria-label=${t("sweeps.picture")}><img class="answer-picture" src=${address} alt=${t("sweeps.picture_of", { title })} width="1056" height="905" /></div>`;
}

function Findings({ findings }) {
  return html`<ul class="answer-findings">${findings.map((each) => html`<li key=${each.expectation} class=${`answer-finding answer-${each.outcome}`}>
    <span class="answer-outcome"><span class="answer-sign" aria-hidden="true">${SIGNS[each.outcome]}</span> ${t(`sweeps.${each.outcome}`)}</span>
    <div><p class="answer-expectation">${each.expectation}</p><p class="muted">${each.explanation}</p></div></li>`)}</ul>`;
}

function interval(range) {
  return range ? t("sweeps.interval", { low: number(100 * range[0], 1), high: number(100 * range[1], 1) }) : "";
}

function Numbers({ trials }) {
  const best = Math.max(...trials.map((trial) => toNumber(trial.test_accuracy ?? -1)));
  const grouped = trials.some((trial) => trial.group);
  return html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("sweeps.numbers")}><table class="table answer-numbers">
    <thead><tr><th scope="col">${t("sweeps.trial")}</th>${grouped && html`<th scope="col">${t("sweeps.group")}</th>`}<th scope="col">${t("compare.status")}</th><th scope="col" class="num">${t("sweeps.epochs")}</th>
      <th scope="col" class="num">${t("compare.test_accuracy")}</th><th scope="col" class="num">${t("compare.test_loss")}</th><th scope="col" class="num">${t("compare.train_loss")}</th>
      <th scope="col" class="num">${t("sweeps.seconds_per_epoch")}</th></tr></thead>
    <tbody>${trials.map((trial) => html`<tr key=${trial.job_id} class=${trial.test_accuracy === best ? "sweeps-row-best" : ""}>
      <th scope="row">${trial.status ? html`<${Link} class="user-text" to=${`/jobs/${trial.job_id}`}>${trial.label}<//>` : trial.label}</th>
      ${grouped && html`<td>${trial.group ?? ""}</td>`}
      <td>${trial.status ? html`<${Status} status=${trial.status} />` : html`<span class="muted">${t("sweeps.deleted")}</span>`}</td>
      <td class="num">${number(trial.epochs)}${trial.epochs < trial.planned_epochs ? html`<span class="muted"> / ${number(trial.planned_epochs)}</span>` : ""}</td>
      <td class="num"><b>${percent(trial.test_accuracy, 1)}</b> <small class="muted">${interval(trial.test_accuracy_interval)}</small></td>
      <td class="num">${loss(trial.test_loss)}</td><td class="num">${loss(trial.train_loss)}</td>
      <td class="num">${trial.seconds_per_epoch === null ? DASH : duration(trial.seconds_per_epoch)}</td></tr>`)}</tbody></table></div>`;
}

// `context`: also say the question and what one expects, where the page does not say it already.
export function Answer({ sweep, context = true }) {
  const version = sweep.progress.jobs_over;
  const { value: answer, problem, reload } = useRead((signal) => get(`/v1/sweeps/${sweep.id}/answer`, {}, { signal }), [sweep.id, version]);
  const [kept, setKept] = useState(null);
  useEffect(() => answer && setKept(answer), [answer]);
  const shown = answer ?? kept; // while it is read again
  if (problem) return html`<${ErrorPanel} problem=${problem} retry=${reload} />`;
  if (!shown) return html`<${Loading} />`;
  const root = `/v1/sweeps/${sweep.id}/answer`;
  const begun = shown.trials.some((trial) => trial.epochs > 0);
  return html`<div class="answer">
    ${context && html`<div class="answer-context"><p class="answer-question">${shown.question}</p><details><summary>${t("sweeps.expectation")}</summary><p>${shown.expectation}</p></details></div>`}
    <section class="section"><h2>${t(shown.complete ? "sweeps.answer" : "sweeps.answer_so_far")}</h2>
      <p class="answer-summary">${shown.summary}</p><p>${shown.ranking}</p>
      <${Findings} findings=${shown.findings} /></section>
    ${begun && html`<section class="section"><h2>${t("sweeps.picture")}</h2><${AnswerPicture} path=${`${root}.svg`} title=${shown.title} version=${version} /></section>`}
    <section class="section"><h2>${t("sweeps.numbers")}</h2><${Numbers} trials=${shown.trials} /></section>
    ${shown.notes.length > 0 && html`<section class="section answer-notes"><h2>${t("sweeps.notes")}</h2><ul>${shown.notes.map((note) => html`<li key=${note}>${note}</li>`)}</ul></section>`}
    <p class="answer-files">${t("sweeps.report")}
      ${[["html", "HTML"], ["md", "Markdown"], ["svg", "SVG"], ["png", "PNG"]].map(([end, word]) => html`<${Button} key=${end} onClick=${() => download(`${root}.${end}`, `${shown.experiment}.${end}`)}>${word}<//>`)}</p>
  </div>`;
}
