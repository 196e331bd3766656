// What the curves mean, what to try, and what the last epoch will probably have.
import { html, useEffect, useMemo, useRef, useState } from "../dom.js";
import { get } from "../api.js";
import { Link } from "../router.js";
import { throttle, useSignal } from "../store.js";
import { DASH, hasText, number, percent, short, t } from "../text.js";
import { may } from "../session.js";
import { splitName } from "./facts.js";
import { FINAL } from "./model.js";
import { stretches } from "./series.js";

const READ_EVERY = 4000; // milliseconds

const COLOURS = { problem: "--bad", warning: "--warn", hint: "--muted" };

// The diagnosis of the epochs that there are, and which finding is marked in the curves.
export function useDiagnosis(model, job) {
  const { version, columns, complete } = useSignal(model.curves);
  const [state, setState] = useState({ value: null, problem: null });
  const [pointed, point] = useState(null);
  const abort = useRef(null);
  const read = useMemo(() => throttle(async () => {
    abort.current?.abort();
    abort.current = new AbortController();
    try {
      setState({ value: await get(`${model.path}/diagnosis`, {}, { signal: abort.current.signal }), problem: null });
    } catch (problem) {
      if (problem.name !== "AbortError") setState((old) => ({ value: old.value, problem }));
    }
  }, READ_EVERY), [model]);
  useEffect(() => () => {
    read.cancel();
    abort.current?.abort();
  }, [read]);
  useEffect(() => {
    if (complete && columns.length) read();
  }, [complete, version, job.status]);
  const findings = state.value?.findings ?? [];
  const shown = findings.find((each) => each.code === pointed) ?? findings.find((each) => each.severity !== "hint" && marks(each, 0).length);
  const bands = useMemo(() => (shown ? marks(shown, Infinity).map(([from, to]) => ({ from, to, colour: COLOURS[shown.severity] })) : []), [state.value, shown?.code]);
  return { ...state, bands, shown: shown?.code, point };
}

// The epochs in which a finding shows, as stretches: from one epoch on to the `last`, or single ones.
function marks({ since_epoch: since, epochs }, last) {
  return since > 0 ? [[since, last]] : stretches(epochs);
}

function written(name, value) {
  if (typeof value === "string") return value;
  return /fraction|share|accuracy|interval_/.test(name) ? percent(value, 1) : Number.isInteger(value) ? number(value) : short(value);
}

function Evidence({ evidence }) {
  const entries = Object.entries(evidence);
  if (!entries.length) return null;
  return html`<details class="job-evidence"><summary>${t("job.evidence")}</summary><dl>${entries.map(
    ([name, value]) => html`<div><dt>${name.replaceAll("_as_a_fraction", "").replaceAll("_", " ")}</dt><dd class="user-text">${written(name, value)}</dd></div>`,
  )}</dl></details>`;
}

function Finding({ job, finding, marked, point }) {
  const { severity, sentence, suggestion } = finding;
  const title = hasText(`job.finding_${finding.code}`) ? t(`job.finding_${finding.code}`) : finding.code.replaceAll("_", " ");
  const change = suggestion && `/new?from=${job.id}&spec=${encodeURIComponent(JSON.stringify(suggestion.spec))}`;
  return html`<li class=${`job-finding job-finding-${severity}`} data-marked=${marked || undefined} onPointerEnter=${() => point(finding.code)} onFocusCapture=${() => point(finding.code)}>
    <h3>${title} <small class="job-severity">${t(`job.severity_${severity}`)}</small></h3>
    <p class="user-text">${sentence}</p>
    ${suggestion && html`<p class="job-why">${suggestion.why} ${suggestion.expected}</p>
      ${may("train") && html`<${Link} to=${change} class="button job-try">${t("job.try_this")}<//>`}
      <${Change} spec=${suggestion.spec} before=${job.spec} />`}
    <${Evidence} evidence=${finding.evidence} />
  </li>`;
}

const said = (value) => (value === null || value === undefined ? t("job.off") : typeof value === "object" ? Object.entries(value).map(([name, each]) => `${name.replaceAll("_", " ")} ${said(each)}`).join(", ") : typeof value === "number" ? short(value) : String(value));

// A merge patch as "optimizer.learning_rate 0.5 → 0.05".
function Change({ spec, before }) {
  const flat = (patch, path, old) => Object.entries(patch).flatMap(([name, value]) => {
    const inner = old?.[name];
    const deeper = value && typeof value === "object" && !Array.isArray(value) && inner && typeof inner === "object";
    return deeper ? flat(value, [...path, name], inner) : [[[...path, name].join("."), inner, value]];
  });
  return html`<ul class="job-change">${flat(spec, [], before).map(([path, old, value]) => html`<li><code>${path}</code> ${said(old)} → <b class="user-text">${said(value)}</b></li>`)}</ul>`;
}

function Forecast({ forecast }) {
  return html`<p class="job-forecast">${t("job.forecast", { epoch: forecast.epoch, low: percent(forecast.low, 1), high: percent(forecast.high, 1), probability: percent(forecast.probability, 0) })}</p>`;
}

// How far the accuracies lie apart, whether a rule finds something in it or not.
function Gap({ job }) {
  if (!job.latest && FINAL.has(job.status)) return null;
  const held = job.best?.chosen_on ?? (job.spec.validation_fraction ? "validation" : "test");
  const row = (name, metrics) => {
    const [train, other] = [metrics?.train_accuracy ?? null, metrics?.[`${held}_accuracy`] ?? null];
    const apart = train === null || other === null ? null : 100 * Math.abs(train - other);
    return html`<tr><th scope="row">${metrics ? t(`job.gap_${name}`, { epoch: metrics.epoch }) : t(`job.gap_${name}_none`)}</th><td class="num">${percent(train, 1)}</td><td class="num">${percent(other, 1)}</td>
      <td class="num">${apart === null ? DASH : t("job.points", { n: number(apart, 1) })}</td></tr>`;
  };
  return html`<table class="table job-gap"><caption class="visually-hidden">${t("job.gap")}</caption>
    <thead><tr><th scope="col">${t("job.accuracy")}</th><th scope="col" class="num">${splitName("train")}</th><th scope="col" class="num">${splitName(held)}</th><th scope="col" class="num">${t("job.apart")}</th></tr></thead>
    <tbody>${row("best", job.best)}${row("last", job.latest)}</tbody></table>`;
}

export function Diagnosis({ job, diagnosis }) {
  const { value, problem, shown, point } = diagnosis;
  const findings = value?.findings ?? [];
  const none = t(FINAL.has(job.status) ? "job.no_epochs" : "job.no_epochs_yet");
  const quiet = !value ? (job.latest ? t("common.loading") : none) : !value.epochs ? none : t(FINAL.has(job.status) ? "job.nothing_found" : "job.nothing_found_yet");
  return html`<aside class="job-diagnosis" aria-label=${t("job.diagnosis")}>
    <h2>${t("job.diagnosis")}</h2>
    <${Gap} job=${job} />
    ${problem && problem.status !== 404 && html`<p class="field-error">${problem.detail || problem.message}</p>`}
    ${value?.forecast && html`<${Forecast} forecast=${value.forecast} />`}
    ${findings.length ? html`<ul class="job-findings" onPointerLeave=${() => point(null)}>${findings.map(
      (each) => html`<${Finding} key=${each.code} job=${job} finding=${each} marked=${each.code === shown} point=${point} />`,
    )}</ul>` : html`<p class="muted">${quiet}</p>`}
  </aside>`;
}
