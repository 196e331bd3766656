// The images of a version, page by page; those that are marked can be mended.
import { html, classes, useEffect, useId, useState } from "../dom.js";
import { get } from "../api.js";
import { Button, Empty, ErrorPanel, Loading, Picture, useRead } from "../components/basics.js";
import { Dialog, Menu } from "../components/overlays.js";
import { useQuery } from "../router.js";
import { may } from "../session.js";
import { bytes, number, t } from "../text.js";
import { addEdit, changeOf, useEdits } from "./edits.js";
import { versionPath } from "./follow.js";

const PAGE = 60;
const MOST_OPTIONS = 200; // classes in a list to choose from; beyond, one writes a part of the name
const MOST_MATCHES = 30;

// A choice of one class; `none` is what stands for no class, or null where there must be one.
export function ClassChoice({ names, value, choose, none, label }) {
  if (names.length > MOST_OPTIONS) return html`<${ClassSearch} names=${names} value=${value} choose=${choose} none=${none} label=${label} />`;
  return html`<select aria-label=${label} value=${value} onChange=${(event) => choose(event.target.value)}>
    ${none !== null && html`<option value="">${none}</option>`}${names.map((each) => html`<option value=${each}>${each}</option>`)}</select>`;
}

function ClassSearch({ names, value, choose, none, label }) {
  const id = useId();
  const [written, setWritten] = useState(value);
  useEffect(() => setWritten(value), [value]);
  const wanted = written.toLowerCase();
  const found = wanted ? names.filter((each) => each.toLowerCase().includes(wanted)) : names;
  const input = (event) => {
    setWritten(event.target.value);
    if (!event.target.value || names.includes(event.target.value)) choose(event.target.value);
  };
  return html`<input aria-label=${label} placeholder=${none ?? label} value=${written} list=${id} autocomplete="off" onInput=${input} />
    <datalist id=${id}>${found.slice(0, MOST_MATCHES).map((each) => html`<option key=${each} value=${each}></option>`)}</datalist>`;
}

// A picture of many images, which scrolls where it is larger than its place.
export const Sheet = ({ label, children }) => html`<div class="datasets-sheet-wrap" tabindex="0" role="group" aria-label=${label}>${children}</div>`;

export function Images({ version }) {
  const [asked, change] = useQuery();
  const wanted = { class: asked.get("class") ?? "", split: asked.get("split") ?? "" };
  const path = `${versionPath(version.name, version.version)}/images`;
  const first = useRead((signal) => get(path, { class: wanted.class, split: wanted.split, limit: PAGE }, { signal }), [path, wanted.class, wanted.split]);
  const [more, setMore] = useState([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const [marked, setMarked] = useState(new Set());
  const [looked, setLooked] = useState(null);
  useEffect(() => (setMore([]), setMarked(new Set()), setProblem(null), undefined), [wanted.class, wanted.split]);
  const images = [...(first.value?.data ?? []), ...more.flatMap((each) => each.data)];
  const last = more.at(-1) ?? first.value;
  const next = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const page = await get(last.next);
      setMore((old) => [...old, page]);
    } catch (found) {
      setProblem(found);
    }
    setBusy(false);
  };
  const mark = (id) => setMarked((old) => {
    const now = new Set(old);
    if (!now.delete(id)) now.add(id);
    return now;
  });
  return html`<section class="datasets-images">
    <div class="datasets-tools">
      <${ClassChoice} label=${t("datasets.class")} none=${t("datasets.all_classes")} names=${version.classes} value=${wanted.class} choose=${(name) => change({ class: name })} />
      <select aria-label=${t("datasets.split")} value=${wanted.split} onChange=${(event) => change({ split: event.target.value })}>
        <option value="">${t("datasets.both_splits")}</option><option value="train">${t("datasets.split_train")}</option><option value="test">${t("datasets.split_test")}</option></select>
      <${Marked} version=${version} marked=${marked} clear=${() => setMarked(new Set())} />
    </div>
    ${first.problem && html`<${ErrorPanel} problem=${first.problem} retry=${first.reload} />`}
    ${!first.value && !first.problem && html`<${Loading} />`}
    ${first.value && !images.length && html`<${Empty} title=${t("datasets.no_images")} actions=${html`<${Button} onClick=${() => change({ class: null, split: null })}>${t("datasets.show_all")}<//>`} />`}
    <ul class="datasets-grid">${images.map((each) => html`<${Thumbnail} key=${each.id} version=${version} image=${each} marked=${marked.has(each.id)} mark=${mark} look=${setLooked} />`)}</ul>
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${next} />`}
    ${last?.has_more && html`<p class="datasets-more"><${Button} busy=${busy} onClick=${next}>${t("datasets.more_images", { n: PAGE })}<//></p>`}
    ${looked && html`<${Look} image=${looked} close=${() => setLooked(null)} />`}
  </section>`;
}

function Thumbnail({ version, image, marked, mark, look }) {
  const change = changeOf(useEdits(version), image.id);
  const said = change && (change.exclude ? t("datasets.left_out") : [change.label, change.split && t(`datasets.split_${change.split}`)].filter(Boolean).join(", "));
  return html`<li class=${classes("datasets-thumb", marked && "datasets-thumb-marked", change?.exclude && "datasets-thumb-out")}>
    <button type="button" class="datasets-thumb-picture" onClick=${() => look(image)} aria-label=${t("datasets.look_at", { name: image.name })}><${Picture} path=${image.links.self} alt="" loading="lazy" /></button>
    <label class="datasets-thumb-foot">${may("train") && html`<input type="checkbox" checked=${marked} onChange=${() => mark(image.id)} aria-label=${t("datasets.mark", { name: image.name })} />`}
      <span class="truncate user-text" title=${image.class}>${said ? `→ ${said}` : image.class}</span></label></li>`;
}

// What is to become of the marked images.
function Marked({ version, marked, clear }) {
  const [label, setLabel] = useState("");
  if (!marked.size) return may("train") && html`<span class="muted small">${t("datasets.mark_hint")}</span>`;
  const add = (edit) => {
    addEdit(version, { images: [...marked], ...edit });
    setLabel("");
    clear();
  };
  return html`<div class="datasets-marked"><strong>${t("datasets.marked", { n: number(marked.size) })}</strong>
    <${ClassChoice} label=${t("datasets.belongs_to")} none=${t("datasets.belongs_to")} names=${version.classes} value=${label} choose=${(name) => name && add({ label: name })} />
    <${Menu} label=${t("common.more")} items=${[
      { label: t("datasets.leave_out"), hint: t("datasets.exclude_consequence"), act: () => add({ exclude: true }) },
      { label: t("datasets.to_train"), hint: t("datasets.to_train_hint"), act: () => add({ split: "train" }) },
      { label: t("datasets.to_test"), hint: t("datasets.to_test_hint"), act: () => add({ split: "test" }) },
    ]} />
    <${Button} kind="quiet" onClick=${clear}>${t("datasets.unmark")}<//></div>`;
}

function Look({ image, close }) {
  return html`<${Dialog} title=${image.class} close=${close} wide=${true}>
    <div class="datasets-large"><${Picture} path=${image.links.self} alt=${t("datasets.picture_of", { name: image.class })} /></div>
    <dl class="facts"><div><dt>${t("datasets.file")}</dt><dd class="user-text">${image.name}</dd></div><div><dt>${t("datasets.split")}</dt><dd>${t(`datasets.split_${image.split}`)}</dd></div>
      <div><dt>${t("datasets.bytes")}</dt><dd>${bytes(image.bytes)}</dd></div><div><dt>${t("datasets.id")}</dt><dd class="mono">${image.id}</dd></div></dl><//>`;
}
