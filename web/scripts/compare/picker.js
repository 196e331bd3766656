// Add a job: the recent ones, found by a part of their name.
import { html, classes, useEffect, useId, useMemo, useRef, useState } from "../dom.js";
import { get } from "../api.js";
import { debounce } from "../store.js";
import { t } from "../text.js";
import { Status, Time } from "../components/basics.js";

const FOUND = 12;

// Jobs whose name, id or tag has `text`, the newest first.
const search = (text, signal) => get("/v1/job-summaries", { search: text.trim() || null, limit: 40 }, { signal });

// `chosen` are ids that are not offered; `choose` is called with a job's summary.
export function JobPicker({ label, placeholder, chosen = [], choose, autofocus = false }) {
  const [text, setText] = useState("");
  const [rows, setRows] = useState(null);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const [failed, setFailed] = useState(null);
  const root = useRef();
  const id = useId();
  const abort = useRef(null);
  const entered = useRef(false); // Enter was pressed before the jobs had come
  const look = useMemo(() => debounce((wanted) => {
    abort.current = new AbortController();
    search(wanted, abort.current.signal).then(
      (found) => {
        setRows(found.data.filter((row) => !row.parent?.startsWith("job_"))); // without what repeats another job
        setFailed(null);
        setAt(0);
      },
      (problem) => problem.name === "AbortError" || setFailed(problem),
    );
  }, 150), []);
  useEffect(() => () => {
    look.cancel();
    abort.current?.abort();
  }, []);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => root.current?.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const offered = (rows ?? []).filter((row) => !chosen.includes(row.id)).slice(0, FOUND);
  useEffect(() => {
    if (!entered.current || !rows) return;
    entered.current = false;
    if (offered.length) take(offered[0]);
  }, [rows]);
  const take = (row) => {
    setOpen(false);
    setText("");
    choose(row);
  };
  const keys = (event) => {
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      setOpen(false);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      show(text);
      setAt((old) => (offered.length ? (old + (event.key === "ArrowDown" ? 1 : offered.length - 1)) % offered.length : 0));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      if (offered[at]) take(offered[at]);
      else entered.current = rows === null;
    }
  };
  const show = (wanted) => {
    if (!open) setOpen(true);
    if (open && wanted === text) return;
    abort.current?.abort();
    setRows(null);
    look(wanted);
  };
  return html`<div class="compare-picker" ref=${root} onKeyDown=${keys}>
    <input type="search" role="combobox" aria-label=${label} placeholder=${placeholder} aria-expanded=${open && offered.length > 0} aria-controls=${`${id}-list`} aria-autocomplete="list"
      aria-activedescendant=${open && offered[at] ? `${id}-${offered[at].id}` : undefined} autocomplete="off" spellcheck=${false} value=${text} autofocus=${autofocus}
      onFocus=${() => show(text)} onInput=${(event) => {
        show(event.target.value);
        setText(event.target.value);
      }} />
    ${open && offered.length > 0 && html`<div class="compare-options" id=${`${id}-list`} role="listbox" aria-label=${label}>
      ${offered.map((row, n) => html`<div key=${row.id} id=${`${id}-${row.id}`} role="option" aria-selected=${n === at} class=${classes("compare-option", n === at && "compare-option-here")}
        onPointerMove=${() => setAt(n)} onClick=${() => take(row)}>
        <span class="user-text compare-option-name">${row.name || row.id}</span>
        <small class="muted compare-option-more"><${Status} status=${row.status} /> <span>${row.dataset}</span> <${Time} at=${row.created_at} /></small></div>`)}
    </div>`}
    ${open && offered.length === 0 && html`<p class="compare-options compare-option muted" role="status">${failed ? failed.detail || failed.message : t(rows ? "compare.none_found" : "common.loading")}</p>`}
  </div>`;
}
