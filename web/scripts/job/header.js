// Name, description and tags, which can be changed in place; status; what can be done.
import { classes, html, useLayoutEffect, useRef, useState } from "../dom.js";
import { patch } from "../api.js";
import { may } from "../session.js";
import { t } from "../text.js";
import { Button, Copyable, Status, Time } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";
import { Actions } from "./actions.js";

// A text that becomes a control when it is pressed: Enter saves, Escape leaves it as it was.
function Editable({ value, label, multiline = false, fixed = false, save, children }) {
  const [draft, setDraft] = useState(null);
  const [busy, setBusy] = useState(false);
  const control = useRef();
  const opener = useRef();
  const editing = draft !== null;
  const wasEditing = useRef(false);
  useLayoutEffect(() => {
    if (editing) control.current.focus();
    else if (wasEditing.current) opener.current?.focus();
    wasEditing.current = editing;
  }, [editing]);
  const close = () => setDraft(null);
  const submit = async (event) => {
    event?.preventDefault();
    setBusy(true);
    try {
      if (draft !== value) await save(draft.trim());
      close();
    } catch (problem) {
      toastProblem(problem);
    }
    setBusy(false);
  };
  if (fixed || !may("train")) return children;
  if (!editing) {
    return html`<span class="job-editable">${children}
      <button type="button" class="job-edit" ref=${opener} aria-label=${label} title=${label} onClick=${() => setDraft(value)}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="M2.5 13.5l.7-3L10.700 3l2.300 2.300-7.500 7.500zM9.300 4.400l2.300 2.300" fill="none" stroke="currentColor" stroke-width="1.3" /></svg></button></span>`;
  }
  const keys = (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && multiline && (event.metaKey || event.ctrlKey)) submit(event);
  };
  const shared = { ref: control, value: draft, "aria-label": label, onInput: (event) => setDraft(event.target.value), onKeyDown: keys };
  return html`<form class="job-editor" onSubmit=${submit}>
    ${multiline ? html`<textarea rows="3" ...${shared}></textarea>` : html`<input type="text" ...${shared} />`}
    <${Button} type="submit" kind="primary" busy=${busy}>${t("common.save")}<//>
    <${Button} onClick=${close}>${t("common.cancel")}<//>
  </form>`;
}

const LONG = 280; // characters of a description that are shown at once
const LINES = 4;

// A long description is cut until it is asked for.
function Description({ text, empty }) {
  const [whole, setWhole] = useState(false);
  if (!text) return html`<p class="job-description"><span class="muted">${empty}</span></p>`;
  const isLong = text.length > LONG || text.split("\n").length > LINES;
  return html`<p class=${classes("job-description user-text", isLong && !whole && "job-description-cut")} dir="auto">${text}</p>
    ${isLong && html`<button type="button" class="job-more" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>${t(whole ? "job.less_text" : "job.whole_text")}</button>`}`;
}

export const tagsOf = (text) => [...new Set(text.split(",").map((each) => each.trim()).filter(Boolean))];

export function Header({ model, job, deleted }) {
  const change = async (values) => model.job.set(await patch(model.path, values));
  return html`<header class="job-header">
    <div class="job-heading">
      <${Editable} value=${job.name ?? ""} label=${t("job.edit_name")} fixed=${deleted} save=${(name) => change({ name: name || null })}>
        <h1 class="user-text" dir="auto">${job.name ?? job.id}</h1><//>
      <div class="job-line">
        <${Status} status=${job.status} requested=${job.requested} />
        <span class="job-id"><code>${job.id}</code><${Copyable} text=${job.id} label=${t("job.copy_id")} /></span>
        <span class="muted">${t("job.made")} <${Time} at=${job.created_at} /></span>
        <${Editable} value=${job.tags.join(", ")} label=${t("job.edit_tags")} fixed=${deleted} save=${(tags) => change({ tags: tagsOf(tags) })}>
          <span class="job-tags">${job.tags.map((tag) => html`<span class="tag user-text" dir="auto">${tag}</span>`)}${!job.tags.length && html`<span class="muted">${t("job.no_tags")}</span>`}</span><//>
      </div>
      <${Editable} value=${job.description ?? ""} label=${t("job.edit_description")} multiline fixed=${deleted} save=${(text) => change({ description: text || null })}>
        <${Description} text=${job.description} empty=${may("train") && !deleted ? t("job.no_description") : ""} /><//>
    </div>
    ${!deleted && html`<${Actions} model=${model} job=${job} />`}
  </header>`;
}
