// Ask a model what a picture shows, and see what it looked at.
import { html, classes, useEffect, useRef, useState } from "../dom.js";
import { fetchResponse, get, post } from "../api.js";
import { Button, ErrorPanel, Loading } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";
import { may } from "../session.js";
import { percent, short, t } from "../text.js";
import { Camera, hasCamera } from "./camera.js";

const LARGEST_BYTES = 15 * 2 ** 20; // that the service takes; larger pictures are made smaller before
const LARGEST_SIDE = 2048;
const ROWS = 5;

// "100.0 %" and "0.0 %" would say more than is known.
const share = (value) => (value > 0.9995 ? `> ${percent(0.999, 1)}` : value < 0.0005 ? `< ${percent(0.001, 1)}` : percent(value, 1));

async function smaller(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

async function predict(model, file, signal) {
  const raw = file.size > LARGEST_BYTES ? await smaller(file).catch(() => file) : file;
  const response = await fetchResponse("POST", `/v1/models/${model.id}/predict?top=${ROWS}&explain=true`, { raw, signal, headers: { "Content-Type": "application/octet-stream" } });
  return response.json();
}

// A picture of the data set's test images, with its label.
async function pictureOf({ name, version }) {
  const path = `/v1/datasets/${encodeURIComponent(name)}/versions/${version}`;
  const { report } = await get(path);
  const filled = report.classes.filter((each) => each.test > 0);
  const of = filled[Math.floor(Math.random() * filled.length)];
  const { data } = await get(`${path}/images`, { split: "test", class: of.name, limit: 200 });
  const image = data[Math.floor(Math.random() * data.length)];
  return { file: await (await fetchResponse("GET", image.links.self)).blob(), label: image.class };
}

export function TryIt({ model, exported }) {
  const [asked, setAsked] = useState(null); // {url, label}
  const [answer, setAnswer] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const [over, setOver] = useState(false);
  const [camera, setCamera] = useState(false);
  const input = useRef();
  const capture = useRef();
  const current = useRef({});
  const ask = async (file, label = null) => {
    const mine = { abort: new AbortController(), url: URL.createObjectURL(file), file, label };
    current.current.abort?.abort();
    if (current.current.url) URL.revokeObjectURL(current.current.url);
    current.current = mine;
    setAsked({ url: mine.url, label });
    setAnswer(null);
    setProblem(null);
    setBusy(true);
    try {
      const found = await predict(model, file, mine.abort.signal);
      if (current.current === mine) setAnswer(found);
    } catch (found) {
      if (current.current === mine) setProblem(found);
    }
    if (current.current === mine) setBusy(false);
  };
  useEffect(() => {
    const pasted = (event) => {
      const file = [...(event.clipboardData?.files ?? [])][0];
      if (!file || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      ask(file);
    };
    addEventListener("paste", pasted);
    return () => {
      removeEventListener("paste", pasted);
      current.current.abort?.abort();
      if (current.current.url) URL.revokeObjectURL(current.current.url);
      current.current = {};
    };
  }, [model.id]);
  const chosen = (event) => {
    const file = event.target.files[0];
    event.target.value = "";
    if (file) ask(file);
  };
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) ask(file);
  };
  const another = () => pictureOf(model.data).then(({ file, label }) => ask(file, label), toastProblem);
  const found = answer?.predictions[0];
  const isPhone = matchMedia("(pointer: coarse)").matches;
  return html`<section class=${classes("models-try", over && "models-try-over")} aria-label=${t("models.try_it")} onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
    <div class="models-try-head"><h2>${t("models.try_it")}</h2><p class="models-try-buttons">
      <${Button} kind=${asked ? "plain" : "primary"} onClick=${() => input.current.click()}>${t("models.choose")}<//>
      ${(hasCamera() || isPhone) && html`<${Button} onClick=${() => (isPhone ? capture.current.click() : setCamera(true))}>${t("models.photograph")}<//>`}
      ${model.data.version !== null && html`<${Button} onClick=${another}>${t("models.from_dataset")}<//>`}</p></div>
    <input ref=${input} type="file" class="visually-hidden" tabindex="-1" accept="image/*" aria-label=${t("models.choose")} data-pick="picture" onChange=${chosen} />
    <input ref=${capture} type="file" class="visually-hidden" tabindex="-1" accept="image/*" capture="environment" aria-label=${t("models.photograph")} onChange=${chosen} />
    <div class="models-try-body">
      <${Seen} asked=${asked} found=${found} />
      <div class="models-answer" role="status" aria-busy=${busy}>
        ${!asked && html`<p class="muted">${t("models.try_hint")}</p>`}
        ${busy && html`<${Loading} label=${t("models.asking")} />`}
        ${problem && html`<${Refused} problem=${problem} model=${model} exported=${() => (exported(), ask(current.current.file, current.current.label))} retry=${() => ask(current.current.file, current.current.label)} />`}
        ${found?.error && html`<div class="notice notice-warn"><strong>${t("models.not_read")}</strong><p class="user-text">${found.error}</p></div>`}
        ${found && !found.error && html`<${Labels} found=${found} label=${asked.label} /><p class="muted small">${answer.calibrated ? t("models.calibrated", { temperature: short(answer.temperature, 3) }) : t("models.not_calibrated")}</p>`}
      </div>
    </div>
    ${camera && html`<${Camera} take=${ask} close=${() => setCamera(false)} />`}
  </section>`;
}

// The picture, and beside it what spoke for its first label.
function Seen({ asked, found }) {
  const [broken, setBroken] = useState(null);
  if (!asked) return html`<div class="models-seen models-seen-empty"><span class="muted">${t("models.drop_here")}</span></div>`;
  const map = found?.activation_map;
  return html`<div class=${classes("models-seen", map && "models-seen-both")}>
    <figure>${broken === asked.url ? html`<span class="picture-failed">${t("common.no_picture")}</span>` : html`<img src=${asked.url} alt=${t("models.your_picture")} onError=${() => setBroken(asked.url)} />`}
      <figcaption>${asked.label === null ? t("models.your_picture") : t("models.labelled", { name: asked.label })}</figcaption></figure>
    ${map && html`<figure><img class="models-map" src=${`data:image/png;base64,${map}`} alt=${t("models.looked_at_alt", { name: found.labels[0].label })} /><figcaption>${t("models.looked_at")}</figcaption></figure>`}</div>`;
}

function Labels({ found, label }) {
  return html`<ol class="models-labels">${found.labels.map((each, at) => html`<li key=${each.label} class=${classes(at === 0 && "models-label-first")}>
    <span class="models-label-name user-text">${each.label}${label === each.label && html` <span class="models-label-right">${t("models.its_label")}</span>`}</span><span class="models-label-share">${share(each.probability)}</span>
    <span class="models-bar" aria-hidden="true"><i style=${{ width: `${100 * each.probability}%` }}></i></span></li>`)}</ol>`;
}

// A model that has no model.onnx yet can be exported at once.
function Refused({ problem, model, exported, retry }) {
  const [busy, setBusy] = useState(false);
  if (problem.code !== "model_not_exported" || !may("train")) return html`<${ErrorPanel} problem=${problem} retry=${retry} />`;
  const make = async () => {
    setBusy(true);
    try {
      const { id } = await post(`/v1/models/${model.id}/exports`, { formats: ["onnx"] });
      let made;
      do made = await get(`/v1/models/${model.id}/exports/${id}`, {}, { headers: { Prefer: "wait=20" } });
      while (!made.finished_at);
      if (made.error) throw Object.assign(new Error(made.error.message), { status: -1, detail: made.error.message });
      exported();
    } catch (found) {
      toastProblem(found);
    }
    setBusy(false);
  };
  return html`<div class="notice"><p>${t("models.not_exported")}</p><p class="models-try-buttons"><${Button} kind="primary" busy=${busy} onClick=${make}>${busy ? t("models.exporting") : t("models.export_now")}<//></p></div>`;
}
