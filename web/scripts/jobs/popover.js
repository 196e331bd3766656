// A button that opens a panel below it.
import { html, classes, useEffect, useId, useRef, useState } from "../dom.js";
import { Button } from "../components/basics.js";

// `children` is drawn while it is open. `marked`: it narrows what is shown.
export function Popover({ label, title, marked = false, end = false, children }) {
  const [open, setOpen] = useState(false);
  const root = useRef();
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    root.current.querySelector(".jobs-panel input, .jobs-panel button")?.focus();
    const outside = (event) => root.current?.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const keys = (event) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    setOpen(false);
    root.current.querySelector("button").focus();
  };
  const left = (event) => event.relatedTarget && !root.current.contains(event.relatedTarget) && setOpen(false);
  return html`<div class="jobs-popover" ref=${root} onKeyDown=${keys} onFocusOut=${left}>
    <${Button} class=${classes("jobs-opener", marked && "jobs-opener-marked")} aria-haspopup="dialog" aria-expanded=${open} aria-controls=${open ? id : undefined}
      onClick=${() => setOpen(!open)}>${label}<svg class="jobs-caret" viewBox="0 0 8 8" aria-hidden="true"><path d="M1 2.5 4 5.5 7 2.5" /></svg><//>
    ${open && html`<div class=${classes("jobs-panel", end && "jobs-panel-end")} id=${id} role="dialog" aria-label=${title} tabindex="-1">${children()}</div>`}
  </div>`;
}
