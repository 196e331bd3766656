// The files of a model: downloads, and exports that a worker makes.
import { html, useEffect, useState } from "../dom.js";
import { download, get, post } from "../api.js";
import { Button, ErrorPanel, Progress, useRead } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";
import { may } from "../session.js";
import { bytes, hasText, t } from "../text.js";

const READ_AGAIN = 2000;
const FORMATS = { onnx: "model.onnx", python: "model.py", html: "model.html", int8: "model.int8.onnx", torch: "model.pt2" };

const isOpen = (each) => each.status === "queued" || each.status === "running";

// `changed`: there are new files.
export function Files({ model, changed }) {
  const path = `/v1/models/${model.id}`;
  const read = useRead((signal) => get(`${path}/exports`, { limit: 100 }, { signal }), [path]);
  const exports = read.value?.data ?? [];
  const open = exports.filter(isOpen).length;
  const [seen, setSeen] = useState(null);
  useEffect(() => {
    if (!open) return undefined;
    const timer = setInterval(() => document.hidden || read.reload(), READ_AGAIN);
    return () => clearInterval(timer);
  }, [open > 0]);
  useEffect(() => {
    if (!read.value) return;
    if (seen !== null && open < seen) changed();
    setSeen(open);
  }, [open, read.value]);
  const make = async (format) => {
    try {
      await post(`${path}/exports`, { formats: [format] });
    } catch (problem) {
      toastProblem(problem);
    }
    read.reload();
  };
  const formats = Object.entries(FORMATS);
  const exported = new Set(Object.values(FORMATS));
  const others = model.files.filter((each) => !exported.has(each.name));
  const save = (name, file = name) => html`<${Button} aria-label=${t("models.download_file", { name: file })} onClick=${() => download(`${path}/files/${name}`, file).catch(toastProblem)}>${t("common.download")}<//>`;
  return html`<section class="section models-files"><div class="models-section-head"><h2>${t("models.files")}</h2><${Button} onClick=${() => download(`${path}/archive`, `${model.id}.zip`).catch(toastProblem)}>${t("models.archive")}<//></div>
    ${read.problem && html`<${ErrorPanel} problem=${read.problem} retry=${read.reload} />`}
    <ul class="models-file-list">
      ${formats.map(([format, name]) => {
        const file = model.files.find((each) => each.name === name);
        const last = exports.find((each) => each.formats.includes(format));
        return html`<li key=${format} data-format=${format}><span class="models-file-what"><strong>${t(`models.format_${format}`)}</strong><span class="muted small">${t(`models.format_${format}_hint`)}</span>
            ${last?.error && !file && html`<span class="models-file-error user-text">${last.error.message} ${last.error.hint}</span>`}</span>
          <span class="muted small models-file-size">${file ? bytes(file.bytes) : ""}</span>
          <span class="models-file-act">${last && isOpen(last) ? html`<${Making} task=${last} />` : file ? save(name) : may("train") && html`<${Button} onClick=${() => make(format)}>${last?.error ? t("common.try_again") : t("models.make")}<//>`}</span></li>`;
      })}
      ${[...others.map((each) => each.name), "manifest.json"].map((name) => html`<li key=${name}><span class="models-file-what"><span class="mono">${name}</span>${hasText(`models.file_${name.replace(/\W/g, "_").toLowerCase()}`) && html`<span class="muted small">${t(`models.file_${name.replace(/\W/g, "_").toLowerCase()}`)}</span>`}</span>
        <span class="muted small models-file-size">${others.some((each) => each.name === name) && bytes(others.find((each) => each.name === name).bytes)}</span><span class="models-file-act">${save(name)}</span></li>`)}
    </ul></section>`;
}

// How far a worker is with an export or an evaluation.
export function Making({ task }) {
  const { progress } = task;
  return html`<span class="models-making"><span class="muted small">${task.status === "queued" ? t("common.queued") : t("models.being_made")}</span><${Progress} value=${progress?.total ? progress.done / progress.total : 0} label=${t("models.being_made")} /></span>`;
}
