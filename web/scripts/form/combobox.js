// A text field with a list that the text searches. `options`: [{value, label, detail, note, disabled}]. `search` is what
// a text is looked for in; `free`: other values than those of the list may be entered. Who types and goes on takes what
// he typed, else what is marked; what is in no list goes to the service, which says what is wrong.
import { classes, html, useEffect, useRef, useState } from "../dom.js";
import { t } from "../text.js";

const isExactly = (option, text) => String(option.value).toLowerCase() === text.trim().toLowerCase();
const matches = (option, text) => `${option.value} ${option.label ?? ""} ${option.search ?? ""}`.toLowerCase().includes(text.trim().toLowerCase());

export function Combobox({ control, value, unsaid = false, options, choose, free = false, placeholder }) {
  const [text, setText] = useState(null); // null: nobody types
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const list = useRef();
  const found = text ? options.filter((each) => matches(each, text)) : options;
  const listId = `${control.id}-list`;

  useEffect(() => {
    if (open && at >= 0) list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [open, at]);

  const show = () => {
    setOpen(true);
    setAt(found.findIndex((each) => each.value === value));
  };
  const take = (option) => {
    if (option.disabled) return;
    choose(option.value);
    setText(null);
    setOpen(false);
  };
  const leave = () => {
    const typed = text?.trim();
    const meant = typed && !free && (options.find((each) => isExactly(each, typed)) ?? found[at]);
    if (meant && !meant.disabled) return take(meant);
    if (typed && !free) choose(typed);
    setText(null);
    setOpen(false);
  };
  const type = (event) => {
    const typed = event.target.value;
    setText(typed);
    setOpen(true);
    const better = options.filter((each) => matches(each, typed));
    const same = better.findIndex((each) => isExactly(each, typed));
    setAt(!typed ? -1 : same >= 0 ? same : better.findIndex((each) => !each.disabled));
    if (free) choose(typed.trim());
  };
  // The click that brings the focus selects the text as well; a second one sets the cursor.
  const keepSelection = (event) => open || event.preventDefault();
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (open) setAt((at + step + found.length) % Math.max(1, found.length));
      else show();
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      if (found[at]) take(found[at]);
      else leave();
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      setText(null);
      setOpen(false);
    }
  };
  return html`<div class="form-combobox">
    <input type="text" role="combobox" ...${control} aria-expanded=${open} aria-controls=${listId} aria-autocomplete="list"
      aria-activedescendant=${open && found[at] ? `${listId}-${at}` : undefined} autocomplete="off" spellcheck="false"
      class=${classes(unsaid && "form-unsaid")} placeholder=${placeholder} value=${text ?? value ?? ""} onInput=${type} onKeyDown=${keys} onClick=${show} onFocus=${(event) => event.target.select()} onMouseUp=${keepSelection} onBlur=${leave} />
    <ul class="form-options" id=${listId} role="listbox" aria-label=${t("form.options")} ref=${list} hidden=${!open} onMouseDown=${(event) => event.preventDefault()}>
      ${open && found.map((each, index) => html`<li key=${each.value} id=${`${listId}-${index}`} role="option" aria-selected=${each.value === value}
        aria-disabled=${each.disabled || undefined} class=${classes("form-option", index === at && "form-option-at")} onClick=${() => take(each)}>
        <span class="form-option-name">${each.value}</span><span class="form-option-detail">${each.detail}</span>
        ${each.note && html`<span class="form-option-note">${each.note}</span>`}</li>`)}
      ${open && !found.length && html`<li class="form-option form-option-none" role="option" aria-disabled="true" aria-selected="false">${t("form.no_option")}</li>`}
    </ul>
  </div>`;
}
