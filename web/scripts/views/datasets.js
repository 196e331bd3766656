// The data sets that a job can train on, and uploads of new ones.
import { html, useEffect, useState } from "../dom.js";
import { all, del, get } from "../api.js";
import { Button, Empty, ErrorPanel, Loading, Progress, Status, Time, useRead } from "../components/basics.js";
import { confirm, toast, toastProblem } from "../components/overlays.js";
import { useTitle } from "../components/title.js";
import { UploadPlace, Uploads } from "../datasets/upload_panel.js";
import { forgetUpload, remembered, uploads } from "../datasets/uploads.js";
import { ImportPlace } from "../datasets/importing.js";
import { Link } from "../router.js";
import { may } from "../session.js";
import { useSignal } from "../store.js";
import { DASH, bytes, number, t } from "../text.js";

const READ_AGAIN = 3000; // while something is validated

export default function Datasets() {
  useTitle(t("common.nav_datasets"));
  const read = useRead((signal) => get("/v1/datasets", {}, { signal }), []);
  const done = useSignal(uploads, (each) => each.filter(({ state }) => state === "complete").length);
  const [search, setSearch] = useState("");
  const rows = read.value?.data ?? [];
  const moving = rows.some((each) => each.status === "validating");
  useEffect(() => {
    if (!moving) return undefined;
    const timer = setInterval(() => document.hidden || read.reload(), READ_AGAIN);
    return () => clearInterval(timer);
  }, [moving]);
  useEffect(() => {
    if (done) read.reload();
  }, [done]);
  const fits = ({ name, title }) => `${name} ${title}`.toLowerCase().includes(search.trim().toLowerCase());
  const own = rows.filter((each) => each.source === "upload" && fits(each));
  const others = rows.filter((each) => each.source !== "upload" && fits(each));
  return html`<div class="datasets">
    <header class="page-header"><div><h1>${t("common.nav_datasets")}</h1><p class="muted">${t("datasets.intro")}</p></div>
      ${rows.length > 12 && html`<div class="page-actions"><input type="search" class="datasets-search" aria-label=${t("datasets.search")} placeholder=${t("datasets.search")} value=${search} onInput=${(event) => setSearch(event.target.value)} /></div>`}</header>
    ${may("train") && html`<${UploadPlace} known=${rows} /><${Uploads} /><${Unfinished} /><${ImportPlace} />`}
    ${read.problem && !read.value && html`<${ErrorPanel} problem=${read.problem} retry=${read.reload} />`}
    ${!read.value && !read.problem && html`<${Loading} />`}
    ${read.value && html`
      ${own.length > 0 && html`<section class="section"><h2>${t("datasets.own")}</h2><${List} rows=${own} own=${true} /></section>`}
      ${others.length > 0 && html`<section class="section"><h2>${t("datasets.everybodys")}</h2><${List} rows=${others} /></section>`}
      ${!own.length && !others.length && html`<${Empty} title=${rows.length ? t("datasets.none_fit") : t("datasets.none")} actions=${search && html`<${Button} onClick=${() => setSearch("")}>${t("datasets.show_all")}<//>`}>${rows.length ? "" : t("datasets.none_hint")}<//>`}`}
  </div>`;
}

function List({ rows, own = false }) {
  return html`<div class="table-wrap"><table class="table datasets-table">
    <thead><tr><th scope="col">${t("datasets.name")}</th><th scope="col" class="num">${t("datasets.classes")}</th><th scope="col" class="num">${t("datasets.train_images")}</th>
      <th scope="col" class="num">${t("datasets.test_images")}</th><th scope="col" class="num">${t("datasets.size")}</th><th scope="col">${own ? t("datasets.newest") : t("datasets.comes_from")}</th><th scope="col"><span class="visually-hidden">${t("datasets.train_on_it")}</span></th></tr></thead>
    <tbody>${rows.map((each) => html`<${Row} key=${each.name} row=${each} own=${own} />`)}</tbody>
  </table></div>`;
}

const size = ({ image_size: side, channels }) => (side ? `${side} × ${side}${channels ? ` ${channels === 1 ? t("datasets.grey") : t("datasets.rgb")}` : ""}` : DASH);

function Row({ row, own }) {
  const state = row.status ?? (row.usable ? null : "failed");
  return html`<tr>
    <th scope="row"><${Link} to=${`/datasets/${row.name}`} class="datasets-name user-text">${row.name}<//>
      ${!own && row.title !== row.name && html`<span class="datasets-title user-text">${row.title}</span>`}
      ${!row.usable && html`<span class=${row.status === "validating" ? "datasets-title user-text" : "datasets-reason user-text"}>${row.reason}</span>`}</th>
    <td class="num" data-label=${t("datasets.classes")}>${number(row.classes)}</td>
    <td class="num" data-label=${t("datasets.train_images")}>${number(row.train_images)}</td>
    <td class="num" data-label=${t("datasets.test_images")}>${number(row.test_images)}</td>
    <td class="num" data-label=${t("datasets.size")}>${size(row)}</td>
    <td data-label=${own ? t("datasets.newest") : t("datasets.comes_from")}>${own
      ? html`${row.version !== null && html`<span class="datasets-version">${t("datasets.version", { n: row.version })}</span> `}${state && html`<${Status} status=${state} />`}`
      : html`${t(`datasets.source_${row.source}`)}${!row.usable && html` <${Status} status="failed" word=${t("datasets.unusable")} />`}`}</td>
    <td class="datasets-go">${row.usable && may("train") && html`<${Link} class="button" to=${`/new?dataset=${row.name}`}>${t("datasets.train")}<//>`}</td>
  </tr>`;
}

// Uploads that have broken off: those of this browser go on when the same folder or file is chosen.
function Unfinished() {
  const sending = useSignal(uploads);
  const read = useRead(async (signal) => (await all("/v1/uploads", { limit: 100 }, { signal })).filter((each) => each.status === "uploading"), [sending.length]);
  const here = remembered();
  const shown = (read.value ?? []).filter((each) => !sending.some(({ id }) => id === each.id));
  if (!shown.length) return null;
  const known = (id) => Object.values(here).find((each) => each.id === id);
  const remove = async (upload) => {
    const sure = await confirm({ title: t("datasets.cancel_title"), text: t("datasets.cancel_text", { sent: bytes(upload.received_bytes) }), action: t("datasets.cancel_upload"), danger: true });
    if (!sure) return;
    try {
      await del(`/v1/uploads/${upload.id}`);
      forgetUpload(upload.id);
      toast(t("datasets.cancelled"));
    } catch (problem) {
      toastProblem(problem);
    }
    read.reload();
  };
  return html`<section class="datasets-unfinished"><h2>${t("datasets.unfinished")}</h2><ul class="datasets-uploads">${shown.map((each) => {
    const mine = known(each.id);
    return html`<li key=${each.id} class="datasets-upload">
      <div class="datasets-upload-head"><strong class="user-text">${each.dataset}</strong><span class="muted user-text">${mine && mine.label !== each.dataset && mine.label}</span>
        <span class="datasets-upload-end">${mine && html`<${Button} kind="quiet" onClick=${() => remove(each)}>${t("datasets.cancel_upload")}<//>`}</span></div>
      <${Progress} value=${each.bytes ? each.received_bytes / each.bytes : 0} label=${t("datasets.uploading", { name: each.dataset })} />
      <p class="datasets-upload-foot"><span>${t("datasets.of", { sent: bytes(each.received_bytes), all: bytes(each.bytes) })}</span>
        <span>${mine ? t(mine.isFolder ? "datasets.choose_again" : "datasets.choose_file_again", { label: mine.label }) : t("datasets.elsewhere")}</span>
        <span>${t("datasets.expires")} <${Time} at=${each.expires_at} /></span></p></li>`;
  })}</ul></section>`;
}
