// What the validation has found: findings with their pictures, and the classes with their counts.
import { html, classes, useMemo, useState } from "../dom.js";
import { Button, Picture } from "../components/basics.js";
import { may } from "../session.js";
import { number, t } from "../text.js";
import { addEdit, useEdits } from "./edits.js";
import { versionPath } from "./follow.js";
import { Sheet } from "./images.js";

const STEP = 100; // classes that are drawn at first, and each time that more are wanted
const EXCLUDABLE = new Set([
  "exact_duplicates", "near_duplicates", "leaked_exact", "leaked_near", "conflicting_labels", "conflicting_labels_near",
  "too_dark", "too_bright", "blurred", "low_information", "blank", "odd_size", "odd_aspect", "grey_among_colour",
]);
const SIGNS = { error: "✕", warning: "!", info: "i" };

export function Findings({ version }) {
  const { findings, notes } = version.report;
  return html`<section class="section datasets-findings"><h2>${t("datasets.findings")}</h2>
    ${findings.length === 0 ? html`<p class="datasets-clean">${t("datasets.nothing_found")}</p>` : html`<ul>${findings.map((each) => html`<${Finding} key=${each.code} version=${version} finding=${each} />`)}</ul>`}
    ${notes.length > 0 && html`<details class="datasets-notes"><summary>${t("datasets.notes")}</summary><ul>${notes.map((each) => html`<li class="user-text">${each}</li>`)}</ul></details>`}
  </section>`;
}

function Finding({ version, finding }) {
  const [open, setOpen] = useState(false);
  const edits = useEdits(version);
  const chosen = edits.some(({ edit }) => edit.finding === finding.code);
  const pictured = finding.examples.some((each) => each.image);
  const files = finding.examples.filter((each) => !each.image);
  const severity = finding.severity in SIGNS ? finding.severity : "info";
  return html`<li class=${classes("datasets-finding", `datasets-finding-${severity}`)} data-code=${finding.code}>
    <span class="datasets-finding-sign" role="img" aria-label=${t(`datasets.severity_${severity}`)}>${SIGNS[severity]}</span>
    <div class="datasets-finding-body">
      <p class="user-text"><strong>${finding.message}</strong></p>
      ${finding.hint && html`<p class="muted user-text">${finding.hint}</p>`}
      <p class="datasets-finding-actions">
        ${finding.examples.length > 0 && html`<${Button} aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? t("datasets.hide_examples") : t("datasets.show_examples")}<//>`}
        ${may("train") && EXCLUDABLE.has(finding.code) && html`<${Button} disabled=${chosen} title=${t("datasets.exclude_consequence")} onClick=${() => addEdit(version, { finding: finding.code, exclude: true })}>${t("datasets.leave_out")}<//>`}
        <code class="muted">${finding.code}</code></p>
      ${open && pictured && html`<${Sheet} label=${t("datasets.examples_of", { message: finding.message })}><${Picture} class="datasets-sheet" path=${`${versionPath(version.name, version.version)}/samples.png?finding=${encodeURIComponent(finding.code)}`} alt=${t("datasets.examples_of", { message: finding.message })} /><//>`}
      ${open && files.length > 0 && html`<ul class="datasets-names">${files.map((each) => html`<li class="user-text">${each.detail}</li>`)}</ul>`}
    </div></li>`;
}

const ORDERS = {
  label: null,
  most: (a, b) => b.train + b.test - a.train - a.test,
  fewest: (a, b) => a.train + a.test - b.train - b.test,
  name: (a, b) => (a.name < b.name ? -1 : 1),
};

// `select(name)`: show the images of a class.
export function Classes({ version, select }) {
  const counts = version.report.classes;
  const [order, setOrder] = useState("label");
  const [search, setSearch] = useState("");
  const [shown, setShown] = useState(STEP);
  const largest = useMemo(() => Math.max(1, ...counts.map((each) => each.train + each.test)), [counts]);
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    const found = wanted ? counts.filter((each) => each.name.toLowerCase().includes(wanted)) : counts;
    return ORDERS[order] ? [...found].sort(ORDERS[order]) : found;
  }, [counts, order, search]);
  const share = (value) => ({ width: `${(100 * value) / largest}%` });
  return html`<section class="section datasets-classes"><div class="datasets-classes-head"><h2>${t("datasets.classes_count", { n: number(counts.length) })}</h2>
      ${counts.length > 20 && html`<input type="search" aria-label=${t("datasets.search_class")} placeholder=${t("datasets.search_class")} value=${search} onInput=${(event) => (setSearch(event.target.value), setShown(STEP))} />`}
      <select aria-label=${t("datasets.order")} value=${order} onChange=${(event) => setOrder(event.target.value)}>${Object.keys(ORDERS).map((each) => html`<option value=${each}>${t(`datasets.order_${each}`)}</option>`)}</select></div>
    <table class="datasets-bars"><caption class="visually-hidden">${t("datasets.classes")}</caption>
      <thead><tr><th scope="col">${t("datasets.class")}</th><td></td><th scope="col" class="num"><i class="datasets-key datasets-key-train"></i>${t("datasets.split_train")}</th><th scope="col" class="num"><i class="datasets-key datasets-key-test"></i>${t("datasets.split_test")}</th></tr></thead>
      <tbody>${rows.slice(0, shown).map((each) => html`<tr key=${each.name}><th scope="row"><button type="button" class="datasets-class user-text" title=${each.name} onClick=${() => select(each.name)}>${each.name}</button></th>
        <td class="datasets-bar" aria-hidden="true"><span><i class="datasets-bar-train" style=${share(each.train)}></i><i class="datasets-bar-test" style=${share(each.test)}></i></span></td>
        <td class="num">${number(each.train)}</td><td class="num">${number(each.test)}</td></tr>`)}</tbody></table>
    ${rows.length === 0 && html`<p class="muted">${t("datasets.no_class")}</p>`}
    ${rows.length > shown && html`<p><${Button} onClick=${() => setShown(shown + STEP)}>${t("datasets.more_classes", { n: number(Math.min(STEP, rows.length - shown)), rest: number(rows.length - shown) })}<//></p>`}
  </section>`;
}
