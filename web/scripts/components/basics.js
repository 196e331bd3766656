// Small parts that every view uses.
import { html, classes, useEffect, useId, useReducer, useRef, useState } from "../dom.js";
import { fileAddress, key } from "../api.js";
import { signal } from "../store.js";
import { ago, dateTime, t } from "../text.js";

// kind: "primary", "plain" (default), "quiet" (no border), "danger".
export function Button({ kind = "plain", class: extra, busy = false, disabled = false, children, ...rest }) {
  return html`<button type="button" class=${classes("button", `button-${kind}`, extra)} disabled=${disabled || busy}
    aria-busy=${busy || undefined} ...${rest}>${children}</button>`;
}

const SHAPES = {
  queued: html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.2 2.2" />`,
  starting: html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />`,
  running: html`<circle cx="6" cy="6" r="5" fill="currentColor" />`,
  paused: html`<path d="M4 2v8M8 2v8" stroke="currentColor" stroke-width="2" />`,
  succeeded: html`<path d="M1.5 6.5 4.5 9.5 10.5 2.5" fill="none" stroke="currentColor" stroke-width="2" />`,
  failed: html`<path d="M2 2 10 10M10 2 2 10" stroke="currentColor" stroke-width="2" />`,
  cancelled: html`<path d="M1.5 6h9" stroke="currentColor" stroke-width="2" />`,
  stopped: html`<rect x="2" y="2" width="8" height="8" fill="currentColor" />`,
};
const LIKE = { uploading: "starting", validating: "running", ready: "succeeded", pending: "queued", online: "running", draining: "paused", lost: "failed" };

// A status as a sign and a word, so that it is not told by colour alone.
export function Status({ status, requested, word }) {
  const shape = LIKE[status] ?? status;
  return html`<span class=${`status status-${shape}`}>
    <svg class="status-sign" viewBox="0 0 12 12" aria-hidden="true">${SHAPES[shape] ?? SHAPES.queued}</svg>
    <span>${word ?? t(`common.${status}`)}${requested && html`<span class="status-requested"> → ${t(`common.requested_${requested}`)}</span>`}</span>
  </span>`;
}

// `value` in [0, 1].
export function Progress({ value, label }) {
  const share = Math.min(1, Math.max(0, value || 0));
  return html`<span class="progress" role="progressbar" aria-label=${label ?? t("common.progress")} aria-valuemin="0" aria-valuemax="100"
    aria-valuenow=${Math.round(100 * share)}><span class="progress-bar" style=${{ transform: `scaleX(${share})` }}></span></span>`;
}

// One clock for all times that are shown as "3 minutes ago".
const minute = signal(Date.now());
setInterval(() => document.hidden || minute.set(Date.now()), 15_000);

// A time: how long ago, or with `absolute` the date; exact on hover.
export function Time({ at, absolute = false }) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => (absolute ? undefined : minute.subscribe(redraw)), [absolute]);
  if (!at) return null;
  return html`<time datetime=${at} title=${dateTime(at, true)}>${absolute ? dateTime(at) : ago(at)}</time>`;
}

export function Loading({ label }) {
  return html`<p class="loading" role="status"><span class="loading-bar" aria-hidden="true"></span>${label ?? t("common.loading")}</p>`;
}

// What is said where there is nothing yet: a title, what to do, and the buttons that do it.
// With `page`, it is all that the page shows.
export function Empty({ title, children, actions, page = false }) {
  const Heading = page ? "h1" : "h2";
  return html`<div class="empty"><${Heading}>${title}<//><p>${children}</p>${actions && html`<p class="empty-actions">${actions}</p>`}</div>`;
}

const ASK_AGAIN = 3000; // milliseconds after which what could not be reached is asked for once more

// What went wrong: the API's own sentence, the places in the request, and a way on. Where the service does not answer,
// the page goes on by itself. With `page`, it is all that the page shows.
export function ErrorPanel({ problem, retry, children, page = false }) {
  const Heading = page ? "h1" : "p";
  const unreachable = problem.status === 0;
  useEffect(() => {
    if (!unreachable || !retry) return undefined;
    const timer = setTimeout(retry, ASK_AGAIN);
    return () => clearTimeout(timer);
  }, [problem]);
  const places = (problem.errors ?? []).filter((each) => each.detail !== problem.detail);
  return html`<div class="error-panel" role="alert">
    <${Heading} class="error-panel-title">${unreachable ? t("common.unreachable") : (problem.title || problem.code || t("common.error"))}<//>
    <p>${unreachable ? t("common.unreachable_hint") : problem.detail || problem.message}</p>
    ${places.length > 0 && html`<ul>${places.map((each) => html`<li>${each.pointer && html`<code>${each.pointer}</code> `}${each.detail}</li>`)}</ul>`}
    ${children}
    ${(retry || problem.requestId) && html`<p class="error-panel-foot">
      ${retry && html`<${Button} onClick=${retry}>${t("common.try_again")}<//>`}
      ${problem.requestId && html`<small>${t("common.request_id")} <code>${problem.requestId}</code></small>`}</p>`}
  </div>`;
}

// Read something: {value, problem, loading, reload}. `read(signal)` is called again when one of `inputs` changes. While
// it is read again, the old value stays.
export function useRead(read, inputs) {
  const [state, setState] = useState({ value: null, problem: null, loading: true });
  const [round, again] = useReducer((n) => n + 1, 0);
  const asked = useRef(null);
  useEffect(() => {
    const abort = new AbortController();
    const mine = JSON.stringify(inputs);
    setState((old) => ({ value: asked.current === mine ? old.value : null, problem: null, loading: true }));
    asked.current = mine;
    read(abort.signal).then(
      (value) => abort.signal.aborted || setState({ value, problem: null, loading: false }),
      (problem) => abort.signal.aborted || setState((old) => ({ value: old.value, problem, loading: false })),
    );
    return () => abort.abort();
  }, [...inputs, round]);
  return { ...state, reload: again, setValue: (value) => setState({ value, problem: null, loading: false }) };
}

// Text with a button that copies it.
export function Copyable({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    const area = document.createElement("textarea"); // navigator.clipboard wants https
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<${Button} kind="quiet" class="copy" onClick=${copy} aria-label=${label ?? t("common.copy")}>${done ? t("common.copied") : t("common.copy")}<//>`;
}

export const Code = ({ text, label }) =>
  html`<div class="code"><pre tabindex="0" aria-label=${label}>${text}</pre><${Copyable} text=${text} /></div>`;

// A picture of the API. Where a key is wanted, it is fetched by a link of its own. That is valid for a minute: a picture
// that the browser fetches later, since it was far below, gets another one.
export function Picture({ path, alt, ...rest }) {
  const [source, setSource] = useState(null);
  const [failed, setFailed] = useState(false);
  const asked = useRef(0);
  const shown = useRef(path);
  const ask = () => {
    asked.current += 1;
    fileAddress(path).then((url) => shown.current === path && setSource({ url, times: asked.current }), () => shown.current === path && setFailed(true));
  };
  useEffect(() => {
    shown.current = path;
    asked.current = 0;
    setFailed(false);
    ask();
    return () => (shown.current = null);
  }, [path]);
  const broken = () => (key.value && asked.current < 2 ? ask() : setFailed(true));
  if (failed) return html`<span class="picture-failed" role="img" aria-label=${alt}>${t("common.no_picture")}</span>`;
  return html`<img key=${source?.times} src=${source?.url} alt=${alt} onError=${broken} ...${rest} />`;
}

// A label with its control and hint. `children` is a function of {id, describedBy}.
export function Field({ label, hint, error, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class=${classes("field", error && "field-wrong")}>
    <label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": described, "aria-invalid": error ? "true" : undefined })}
    ${error && html`<p class="field-error" id=${`${id}-error`}>${error}</p>`}
    ${hint && html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

// Tabs: `tabs` is [[name, label], …]; arrow keys move between them.
export function Tabs({ tabs, selected, select, label }) {
  const list = useRef();
  useEffect(() => {
    const tab = list.current.querySelector("[aria-selected=true]"); // it may lie beyond the edge
    if (tab) list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2;
  }, [selected]);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([name]) => name === selected);
    const next = tabs[(at + step + tabs.length) % tabs.length][0];
    select(next);
    event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
  };
  return html`<div class="tabs" ref=${list} role="tablist" aria-label=${label} onKeyDown=${move}>
    ${tabs.map(([name, text]) => html`<button type="button" role="tab" class="tab" data-tab=${name} aria-selected=${name === selected}
      tabindex=${name === selected ? 0 : -1} data-label=${typeof text === "string" ? text : undefined} onClick=${() => select(name)}>${text}</button>`)}
  </div>`;
}
