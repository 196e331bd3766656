// Dropping or choosing a folder or an archive, what is said of it before it is sent, and how far uploads are.
import { html, classes, useEffect, useRef, useState } from "../dom.js";
import { Button, Field, Progress } from "../components/basics.js";
import { Dialog, confirm, toastProblem } from "../components/overlays.js";
import { Link } from "../router.js";
import { bytes, duration, hasText, number, percent, t } from "../text.js";
import { useSignal } from "../store.js";
import { NAME, fromDrop, fromInput } from "./picking.js";
import { begin, begunOf, discard, dismiss, goOn, uploads } from "./uploads.js";

const MOST_SHOWN = 8;

// The place to drop at; the whole page takes a drop, too. `into`: the data set that it becomes a version of.
export function UploadPlace({ into = null, known = [], compact = false }) {
  const [over, setOver] = useState(false);
  const [looking, setLooking] = useState(null);
  const [picked, setPicked] = useState(null);
  const folder = useRef();
  const file = useRef();
  useEffect(() => {
    let depth = 0;
    const isFiles = (event) => event.dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]");
    const handlers = {
      dragenter: (event) => isFiles(event) && ((depth += 1), setOver(true)),
      dragleave: (event) => isFiles(event) && (depth -= 1) <= 0 && ((depth = 0), setOver(false)),
      dragover: (event) => isFiles(event) && event.preventDefault(),
      drop: async (event) => {
        if (!isFiles(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        const found = fromDrop(event.dataTransfer, setLooking);
        setLooking(0);
        setPicked(await found);
        setLooking(null);
      },
    };
    for (const [name, handler] of Object.entries(handlers)) addEventListener(name, handler);
    return () => Object.entries(handlers).forEach(([name, handler]) => removeEventListener(name, handler));
  }, []);
  const choose = (event) => {
    setPicked(fromInput(event.target));
    event.target.value = "";
  };
  return html`<section class=${classes("datasets-drop", over && "datasets-drop-over", compact && "datasets-drop-compact")} aria-label=${t("datasets.upload")}>
    <p class="datasets-drop-text" role="status">${looking === null ? (over ? t("datasets.drop_now") : into ? t("datasets.drop_next", { name: into }) : t("datasets.drop_here")) : t("datasets.looking", { n: number(looking) })}
      ${!compact && html`<small class="datasets-drop-shape">${t("datasets.drop_shape")}</small>`}</p>
    <p class="datasets-drop-buttons">
      <${Button} onClick=${() => folder.current.click()}>${t("datasets.choose_folder")}<//>
      <${Button} onClick=${() => file.current.click()}>${t("datasets.choose_file")}<//>
    </p>
    <input ref=${folder} type="file" class="visually-hidden" tabindex="-1" aria-label=${t("datasets.choose_folder")} data-pick="folder" webkitdirectory multiple onChange=${choose} />
    <input ref=${file} type="file" class="visually-hidden" tabindex="-1" aria-label=${t("datasets.choose_file")} data-pick="file" onChange=${choose} />
    ${picked && html`<${Prepare} picked=${picked} into=${into} known=${known} close=${() => setPicked(null)} />`}
  </section>`;
}

// What is to be sent, under which name, how it is split.
function Prepare({ picked, into, known, close }) {
  const { source, look } = picked;
  const begun = source && begunOf(source);
  const [name, setName] = useState(into ?? begun?.dataset ?? picked.name);
  const [fraction, setFraction] = useState(begun ? 100 * begun.fraction : 20);
  const [seed, setSeed] = useState(begun?.seed ?? 0);
  const own = known.find((each) => each.name === name && each.source === "upload");
  const taken = known.some((each) => each.name === name && each.source !== "upload");
  const wrong = name && !NAME.test(name) ? t("datasets.name_rule") : taken ? t("datasets.name_taken") : null;
  const fits = fraction > 0 && fraction < 100 && Number.isInteger(seed) && seed >= 0;
  const submit = (event) => {
    event.preventDefault();
    begin(source, { dataset: name, label: picked.label || name, fraction: fraction / 100, seed });
    close();
  };
  if (!source) {
    return html`<${Dialog} title=${t("datasets.nothing_there")} close=${close}><p>${t("datasets.nothing_hint")}</p>
      <${Refused} title=${t("datasets.unreadable")} names=${look.unreadable} /><//>`;
  }
  const again = begun && begun.dataset === name && begun.fraction === fraction / 100 && begun.seed === seed;
  return html`<${Dialog} title=${t("datasets.upload_what", { label: picked.label || t("datasets.files") })} close=${close}>
    <form class="datasets-prepare" onSubmit=${submit}>
      <${Look} look=${look} />
      <${Field} label=${t("datasets.name")} error=${wrong} hint=${own ? t("datasets.becomes_next", { name }) : t("datasets.becomes_new")}>${(control) => html`<input
        ...${control} class="mono" value=${name} readonly=${Boolean(into)} autocomplete="off" spellcheck=${false} maxlength="64" required onInput=${(event) => setName(event.target.value)} />`}<//>
      ${!look.splits?.size && html`<details><summary>${t("datasets.split_title")}</summary><div class="datasets-split">
        <${Field} label=${t("datasets.split_share")} hint=${t("datasets.split_hint")}>${(control) => html`<input ...${control} type="number" min="1" max="99" value=${fraction} onInput=${(event) => setFraction(event.target.valueAsNumber)} />`}<//>
        <${Field} label=${t("datasets.split_seed")} hint=${t("datasets.seed_hint")}>${(control) => html`<input ...${control} type="number" min="0" step="1" value=${seed} onInput=${(event) => setSeed(event.target.valueAsNumber)} />`}<//>
      </div></details>`}
      ${again && html`<p class="notice">${t("datasets.goes_on")}</p>`}
      <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.not_now")}<//>
        <${Button} kind="primary" type="submit" disabled=${!NAME.test(name) || wrong || !fits || look.refused?.length > 0}>${again ? t("datasets.go_on") : t("datasets.upload")}<//></footer>
    </form>
  <//>`;
}

// What the names tell. The service has the last word.
function Look({ look }) {
  const names = [...(look.classes?.keys() ?? [])].sort();
  const isTold = look.hasTable || look.hasArrays;
  return html`<div class="datasets-look">
    <p><strong>${bytes(look.bytes)}</strong>${look.images !== undefined && html` · ${t("datasets.look_files", { images: number(look.images), files: number(look.files) })}`}</p>
    ${names.length > 0 && !isTold && html`<p class="muted">${t("datasets.look_classes", { n: names.length })} ${names.slice(0, MOST_SHOWN).map((each) => html`<span class="tag user-text" key=${each}>${each}</span> `)}${names.length > MOST_SHOWN && t("datasets.and_more", { n: number(names.length - MOST_SHOWN) })}</p>`}
    ${look.splits?.size > 0 && html`<p class="muted">${t("datasets.look_splits", { splits: [...look.splits].join(", ") })}</p>`}
    ${look.hasTable && html`<p class="muted">${t("datasets.look_table")}</p>`}
    ${look.images === 0 && !isTold && html`<p class="notice notice-warn">${t("datasets.look_no_images")}</p>`}
    ${look.isImage && html`<p class="notice notice-warn">${t("datasets.look_one_image")}</p>`}
    <${Refused} title=${t("datasets.unreadable")} names=${look.unreadable} />
    <${Refused} title=${t("datasets.refused")} names=${look.refused} />
  </div>`;
}

function Refused({ title, names }) {
  if (!names?.length) return null;
  return html`<div class="notice notice-warn"><p>${title}</p><ul class="datasets-names">${names.slice(0, MOST_SHOWN).map((each) => html`<li class="mono user-text">${each}</li>`)}</ul>
    ${names.length > MOST_SHOWN && html`<p>${t("datasets.and_more", { n: number(names.length - MOST_SHOWN) })}</p>`}</div>`;
}

const sentence = (problem) => {
  if (!problem) return "";
  if (problem.status === 0) return t("datasets.waits_network");
  if (problem.status === 401) return t("datasets.waits_key");
  return hasText(`datasets.${problem.code}`) ? t(`datasets.${problem.code}`) : problem.detail || problem.message;
};

async function giveUp(upload) {
  const sure = upload.sent === 0 || (await confirm({ title: t("datasets.cancel_title"), text: t("datasets.cancel_text", { sent: bytes(upload.sent) }), action: t("datasets.cancel_upload"), danger: true }));
  if (sure) await discard(upload.number).catch(toastProblem);
}

// The uploads of this page, as they go; of one data set, without what has become the version that is shown.
export function Uploads({ dataset = null, version = null }) {
  const all = useSignal(uploads);
  const arrived = dataset && all.find((each) => each.dataset === dataset && each.state === "complete" && each.version === version);
  useEffect(() => {
    if (arrived) dismiss(arrived.number);
  }, [arrived?.number]);
  const shown = all.filter((each) => each !== arrived && (!dataset || each.dataset === dataset));
  if (!shown.length) return null;
  return html`<ul class="datasets-uploads" aria-label=${t("datasets.uploads")}>${shown.map((each) => html`<${UploadRow} key=${each.number} upload=${each} />`)}</ul>`;
}

function UploadRow({ upload }) {
  const share = upload.bytes ? upload.sent / upload.bytes : 0;
  const done = upload.state === "complete";
  const left = upload.speed ? (upload.bytes - upload.sent) / upload.speed : null;
  return html`<li class="datasets-upload" data-state=${upload.state}>
    <div class="datasets-upload-head"><strong class="user-text">${upload.dataset}</strong> <span class="muted user-text">${upload.label !== upload.dataset && upload.label}</span>
      <span class="datasets-upload-end">
        ${upload.state === "failed" && html`<${Button} onClick=${() => goOn(upload.number)}>${t("common.try_again")}<//>`}
        ${done && html`<${Link} class="button" to=${`/datasets/${upload.dataset}/${upload.version}`}>${t("datasets.see_report")}<//>`}
        ${done
          ? html`<${Button} kind="quiet" aria-label=${t("common.close")} onClick=${() => dismiss(upload.number)}>✕<//>`
          : html`<${Button} kind="quiet" onClick=${() => giveUp(upload)}>${t("common.cancel")}<//>`}
      </span></div>
    <${Progress} value=${share} label=${t("datasets.uploading", { name: upload.dataset })} />
    <p class="datasets-upload-foot" data-sent=${upload.sent}><span>${done ? t("datasets.arrived", { bytes: bytes(upload.bytes), version: upload.version }) : t("datasets.sent", { sent: bytes(upload.sent), all: bytes(upload.bytes), share: percent(share, 0) })}</span>
      ${upload.state === "sending" && upload.speed && html`<span>${t("datasets.speed", { speed: bytes(upload.speed) })}</span><span>${t("datasets.left", { left: duration(left) })}</span>`}
      ${(upload.state === "waiting" || upload.state === "failed") && html`<span class="datasets-upload-problem" role="status">${sentence(upload.problem)}</span>`}</p>
  </li>`;
}
