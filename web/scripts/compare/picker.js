// Add a job: the recent ones, found by a part of their name.
import { html, classes, useEffect, useId, useRef, useState } from "../dom.js";
import { t } from "../text.js";
import { Status, Time } from "../components/basics.js";
import { useJobSearch } from "./search.js";

const FOUND = 12;

function Option({ row, id, here, point, take }) {
  return html`<div id=${id} role="option" aria-selected=${here} class=${classes("compare-option", here && "compare-option-here")} onPointerMove=${point} onClick=${take}>
    <span class="user-text compare-option-name">${row.name || row.id}</span>
    <small class="muted compare-option-more"><${Status} status=${row.status} /> <span>${row.dataset}</span> <${Time} at=${row.created_at} /></small></div>`;
}

// What is open: {open, setOpen, root}. A click elsewhere closes it.
function useOpen() {
  const [open, setOpen] = useState(false);
  const root = useRef();
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => root.current?.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  return { open, setOpen, root };
}

// Moving through `offered` with the keyboard: {at, setAt, keys}. Enter before the jobs have come takes the first of them.
function useChoice(offered, pending, take, { open, setOpen }, show) {
  const [at, setAt] = useState(0);
  const entered = useRef(false);
  useEffect(() => {
    setAt(0);
    if (pending || !entered.current) return;
    entered.current = false;
    if (offered.length) take(offered[0]);
  }, [pending]);
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      setOpen(false);
    } else if (step) {
      event.preventDefault();
      show();
      setAt((old) => (offered.length ? (old + step + offered.length) % offered.length : 0));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      if (offered[at]) take(offered[at]);
      else entered.current = pending;
    }
  };
  return { at, setAt, keys };
}

// `chosen` are ids that are not offered; `choose` is called with a job's summary.
export function JobPicker({ label, placeholder, chosen = [], choose }) {
  const [text, setText] = useState("");
  const { rows, failed, look } = useJobSearch();
  const shell = useOpen();
  const { open, setOpen, root } = shell;
  const id = useId();
  const offered = (rows ?? []).filter((row) => !chosen.includes(row.id)).slice(0, FOUND);
  const take = (row) => {
    setOpen(false);
    setText("");
    choose(row);
  };
  const show = (wanted = text) => {
    if (!open || wanted !== text) look(wanted);
    setOpen(true);
  };
  const { at, setAt, keys } = useChoice(offered, rows === null, take, shell, show);
  const shown = open && offered.length > 0;
  return html`<div class="compare-picker" ref=${root} onKeyDown=${keys}>
    <input type="search" role="combobox" aria-label=${label} placeholder=${placeholder} aria-expanded=${shown} aria-controls=${`${id}-list`} aria-autocomplete="list"
      aria-activedescendant=${shown && offered[at] ? `${id}-${offered[at].id}` : undefined} autocomplete="off" spellcheck=${false} value=${text}
      onFocus=${() => show()} onInput=${(event) => {
        show(event.target.value);
        setText(event.target.value);
      }} />
    ${shown && html`<div class="compare-options" id=${`${id}-list`} role="listbox" aria-label=${label}>
      ${offered.map((row, n) => html`<${Option} key=${row.id} id=${`${id}-${row.id}`} row=${row} here=${n === at} point=${() => setAt(n)} take=${() => take(row)} />`)}</div>`}
    ${open && !shown && html`<p class="compare-options compare-option muted" role="status">${failed ? failed.detail || failed.message : t(rows ? "compare.none_found" : "common.loading")}</p>`}
  </div>`;
}
