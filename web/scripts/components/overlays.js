// What lies over the page: dialogs, menus, short messages.
import { html, classes, useEffect, useId, useRef, useState } from "../dom.js";
import { signal, useSignal } from "../store.js";
import { t } from "../text.js";
import { Button } from "./basics.js";

// A dialog. It keeps the focus, closes with Escape, and gives the focus back.
export function Dialog({ title, close, children, wide = false }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${dialog} class=${classes("dialog", wide && "dialog-wide")} aria-labelledby=${id} onCancel=${cancel}
    onClick=${(event) => event.target === dialog.current && close()}>
    <div class="dialog-inside">
      <header class="dialog-header"><h2 id=${id}>${title}</h2>
        <${Button} kind="quiet" aria-label=${t("common.close")} onClick=${close}>✕<//></header>
      ${children}
    </div>
  </dialog>`;
}

const question = signal(null);

// Ask before something is done. Resolves with whether it was confirmed.
export function confirm({ title, text, action, danger = false }) {
  return new Promise((resolve) => {
    question.set({ title, text, action, danger, resolve });
  });
}

// Questions of `confirm`: the shell has one.
export function Questions() {
  const asked = useSignal(question);
  if (!asked) return null;
  const answer = (value) => () => {
    question.set(null);
    asked.resolve(value);
  };
  return html`<${Dialog} title=${asked.title} close=${answer(false)}>
    <p>${asked.text}</p>
    <footer class="dialog-footer">
      <${Button} onClick=${answer(false)}>${t("common.not_now")}<//>
      <${Button} kind=${asked.danger ? "danger" : "primary"} onClick=${answer(true)}>${asked.action}<//>
    </footer>
  <//>`;
}

const messages = signal([]);
let count = 0;

const remove = (id) => messages.update((old) => old.filter((each) => each.id !== id));

// Say something for some seconds. `undo` is a function: then there is a button, and `after` is called once the time for
// it is over, with whether it was undone. `kind`: "plain" or "error".
export function toast(text, { kind = "plain", undo = null, after = null, seconds = undo ? 8 : kind === "error" ? 12 : 5 } = {}) {
  const id = (count += 1);
  let ended = false;
  const end = (undone) => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    remove(id);
    if (undone) undo();
    after?.(undone);
  };
  const timer = setTimeout(() => end(false), 1000 * seconds);
  messages.update((old) => [...old.slice(-3), { id, text, kind, undo, end }]);
  return () => end(false);
}

export const toastProblem = (problem) => toast(problem.status === 0 ? t("common.unreachable") : problem.detail || problem.message, { kind: "error" });

// The messages of `toast`: the shell has one.
export function Toasts() {
  const shown = useSignal(messages);
  return html`<div class="toasts" role="status" aria-live="polite">${shown.map(
    (each) => html`<div key=${each.id} class=${`toast toast-${each.kind}`}><span>${each.text}</span>
      ${each.undo && html`<${Button} kind="quiet" class="toast-undo" onClick=${() => each.end(true)}>${t("common.undo")}<//>`}
      <${Button} kind="quiet" aria-label=${t("common.close")} onClick=${() => each.end(false)}>✕<//></div>`,
  )}</div>`;
}

// A button that opens a list of actions: `items` is [{label, hint, act, danger, disabled}, …].
export function Menu({ label, items, kind = "plain" }) {
  const [open, setOpen] = useState(false);
  const root = useRef();
  useEffect(() => {
    if (!open) return undefined;
    root.current.querySelector("[role=menuitem]:not([disabled])")?.focus();
    const outside = (event) => root.current?.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const keys = (event) => {
    const entries = [...root.current.querySelectorAll("[role=menuitem]:not([disabled])")];
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      setOpen(false);
      root.current.querySelector("button").focus();
    } else if (open && to !== undefined) {
      event.preventDefault();
      entries.at(to % entries.length)?.focus();
    }
  };
  return html`<div class="menu" ref=${root} onKeyDown=${keys}>
    <${Button} kind=${kind} aria-haspopup="menu" aria-expanded=${open} onClick=${() => setOpen(!open)}>${label}<//>
    ${open && html`<div class="menu-items" role="menu">${items.map(
      (each) => html`<button type="button" role="menuitem" class=${classes("menu-item", each.danger && "menu-item-danger")} disabled=${each.disabled}
        onClick=${() => {
          setOpen(false);
          each.act();
        }}><span>${each.label}</span>${each.hint && html`<small>${each.hint}</small>`}</button>`,
    )}</div>`}
  </div>`;
}
