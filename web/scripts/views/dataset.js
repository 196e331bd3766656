// One data set: one of the service's, or a version of an uploaded one with its report, images, augmentation and audits.
import { html, useEffect } from "../dom.js";
import { all, del, get } from "../api.js";
import { Copyable, ErrorPanel, Loading, Progress, Status, Tabs, Time, useRead } from "../components/basics.js";
import { Menu, confirm, toast, toastProblem } from "../components/overlays.js";
import { useTitle } from "../components/title.js";
import { Audits } from "../datasets/audit.js";
import { EditBar } from "../datasets/edits.js";
import { useVersion, versionPath } from "../datasets/follow.js";
import { Images } from "../datasets/images.js";
import { Classes, Findings } from "../datasets/report.js";
import { Augmentation, Samples } from "../datasets/samples.js";
import { UploadPlace, Uploads } from "../datasets/upload_panel.js";
import { Link, navigate, useQuery } from "../router.js";
import { may } from "../session.js";
import { DASH, bytes, hasText, number, percent, short, t } from "../text.js";

export default function Dataset({ name, version }) {
  useTitle(version ? `${name}@${version}` : name);
  const path = `/v1/datasets/${encodeURIComponent(name)}`;
  const read = useRead(async (signal) => {
    const [dataset, versions] = await Promise.all([get(path, {}, { signal }), all(`${path}/versions`, { limit: 100 }, { signal }).catch((problem) => (problem.status === 404 ? [] : Promise.reject(problem)))]);
    return { dataset, versions };
  }, [path, version]);
  if (read.problem && !read.value) return html`<${ErrorPanel} page problem=${read.problem} retry=${read.reload}><p><${Link} to="/datasets">${t("datasets.to_all")}<//></p><//>`;
  if (!read.value) return html`<${Loading} />`;
  const { dataset, versions } = read.value;
  if (dataset.source !== "upload") return html`<${OfService} dataset=${dataset} />`;
  const shown = version ?? versions[0]?.version;
  if (!shown) return html`<${OfService} dataset=${dataset} />`;
  return html`<${Version} name=${name} number=${Number(shown)} versions=${versions} changed=${read.reload} />`;
}

const Back = () => html`<p class="datasets-back"><${Link} to="/datasets">${t("common.nav_datasets")}<//></p>`;
const Fact = ({ name, children }) => html`<div><dt>${t(`datasets.${name}`)}</dt><dd>${children}</dd></div>`;
const Train = ({ name }) => may("train") && html`<${Link} class="button button-primary" to=${`/new?dataset=${encodeURIComponent(name)}`}>${t("datasets.train_on_it")}<//>`;
const pixels = ({ image_size: side }) => (side ? `${side} × ${side}` : t("datasets.as_spec"));
const colours = ({ channels }) => (channels ? t(channels === 1 ? "datasets.grey" : "datasets.rgb") : DASH);

// One that everybody can name.
function OfService({ dataset }) {
  return html`<${Back} /><header class="page-header"><div><h1 class="user-text">${dataset.name}</h1><p class="muted user-text">${dataset.title !== dataset.name && dataset.title}</p></div>
      <div class="page-actions"><${Link} class="button" to=${`/jobs?dataset=${encodeURIComponent(dataset.name)}`}>${t("datasets.its_jobs")}<//>${dataset.usable && html`<${Train} name=${dataset.name} />`}</div></header>
    ${!dataset.usable && html`<div class="notice notice-warn datasets-unusable"><strong>${t("datasets.unusable")}</strong><p class="user-text">${dataset.reason}</p></div>`}
    <dl class="facts"><${Fact} name="comes_from">${t(`datasets.source_${dataset.source}`)}<//><${Fact} name="classes">${number(dataset.classes)}<//><${Fact} name="train_images">${number(dataset.train_images)}<//>
      <${Fact} name="test_images">${number(dataset.test_images)}<//><${Fact} name="size">${pixels(dataset)}<//><${Fact} name="colours">${colours(dataset)}<//>
      ${dataset.licence && html`<${Fact} name="licence">${dataset.licence}<//>`}</dl>
    ${dataset.ignored_files > 0 && html`<section class="section"><h2>${t("datasets.ignored", { n: number(dataset.ignored_files) })}</h2><ul class="datasets-names">${dataset.ignored_examples.map((each) => html`<li class="mono user-text">${each}</li>`)}</ul></section>`}`;
}

// One version of an uploaded data set.
function Version({ name, number: wanted, versions, changed }) {
  const read = useVersion(name, wanted);
  const version = read.value;
  useEffect(() => {
    if (version && version.status !== "validating") changed();
  }, [version?.status]);
  if (read.problem && !version) return html`<${Back} /><${ErrorPanel} problem=${read.problem} retry=${read.reload}><p><${Link} to=${`/datasets/${name}`}>${t("datasets.to_newest")}<//></p><//>`;
  if (!version) return html`<${Loading} />`;
  return html`<${Back} /><${VersionHeader} version=${version} versions=${versions} />
    ${version.version !== wanted && html`<p class="notice">${t("datasets.same_as", { asked: wanted, n: version.version })}</p>`}
    ${version.status === "validating" && html`<${Validating} progress=${version.progress} />`}
    ${version.status === "failed" && html`<${ErrorPanel} problem=${{ status: -1, title: t("datasets.no_dataset"), detail: version.error?.message, errors: [] }}>${version.error?.hint && html`<p>${version.error.hint}</p>`}<//>`}
    ${version.status === "ready" && html`<${Ready} version=${version} />`}
    ${may("train") && html`<div class="section"><${UploadPlace} into=${name} known=${[{ name, source: "upload" }]} compact=${true} /><${Uploads} dataset=${name} version=${wanted} /></div>`}`;
}

function VersionHeader({ version, versions }) {
  const { name } = version;
  const remove = async (path, title, text) => {
    if (!(await confirm({ title, text, action: title, danger: true }))) return;
    try {
      await del(path);
      toast(t("datasets.deleted"));
      navigate(path.includes("/versions/") && versions.length > 1 ? `/datasets/${name}` : "/datasets");
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const items = [
    { label: t("datasets.delete_version", { n: version.version }), danger: true, act: () => remove(versionPath(name, version.version), t("datasets.delete_version", { n: version.version }), t("datasets.delete_version_text")) },
    { label: t("datasets.delete_dataset"), danger: true, act: () => remove(`/v1/datasets/${encodeURIComponent(name)}`, t("datasets.delete_dataset"), t("datasets.delete_dataset_text", { name, n: versions.length })) },
  ];
  return html`<header class="page-header"><div><h1 class="user-text">${name}</h1>
      <p class="datasets-under">${versions.length > 1
        ? html`<select class="datasets-versions" aria-label=${t("datasets.versions")} value=${version.version} onChange=${(event) => navigate(`/datasets/${name}/${event.target.value}${location.search}`)}>
            ${!versions.some((each) => each.version === version.version) && html`<option value=${version.version}>${t("datasets.version", { n: version.version })}</option>`}
            ${versions.map((each) => html`<option value=${each.version}>${t("datasets.version", { n: each.version })} · ${t(`common.${each.status}`)}</option>`)}</select>`
        : html`<span>${t("datasets.version", { n: version.version })}</span>`}
        <${Status} status=${version.status} /><${Time} at=${version.created_at} />
        <span class="muted">${version.source === "edit" ? html`${t("datasets.edit_of")} <${Link} to=${`/datasets/${name}/${version.parent}`}>${t("datasets.version", { n: version.parent })}<//>` : t(`datasets.by_${version.source}`)}</span></p></div>
    <div class="page-actions">${version.status === "ready" && html`<${Link} class="button" to=${`/jobs?dataset=${encodeURIComponent(name)}`}>${t("datasets.its_jobs")}<//><${Train} name=${`${name}@${version.version}`} />`}
      ${may("train") && html`<${Menu} label=${t("common.more")} items=${items} />`}</div></header>`;
}

function Validating({ progress }) {
  const stage = progress?.stage ?? "waiting";
  const { done = 0, total = null } = progress ?? {};
  const count = stage === "unpacking" || stage === "receiving" ? bytes : number;
  return html`<section class="datasets-validating" role="status"><h2>${hasText(`datasets.stage_${stage}`) ? t(`datasets.stage_${stage}`) : stage}</h2>
    <${Progress} value=${total ? done / total : 0} label=${t("common.validating")} />
    <p class="muted">${done > 0 ? (total ? t("datasets.of", { sent: count(done), all: count(total) }) : count(done)) : ""} ${t("datasets.validating_hint")}</p></section>`;
}

const TABS = ["report", "images", "augmentation", "labels"];

function Ready({ version }) {
  const [asked, change] = useQuery();
  const tab = TABS.includes(asked.get("tab")) ? asked.get("tab") : "report";
  const { report } = version;
  const { sizes } = report;
  return html`<dl class="facts datasets-facts"><${Fact} name="classes">${number(version.classes.length)}<//><${Fact} name="train_images">${number(version.train_images)}<//><${Fact} name="test_images">${number(version.test_images)}<//>
      <${Fact} name="size">${pixels(version)}<//><${Fact} name="colours">${colours(version)}<//>
      ${sizes && html`<${Fact} name="in_files"><span title=${t("datasets.sizes_title", { n: number(sizes.distinct) })}>${sizes.distinct === 1 ? sizes.median.join(" × ") : t("datasets.from_to", { from: sizes.smallest.join(" × "), to: sizes.largest.join(" × ") })}</span><//>`}
      <${Fact} name="storage">${bytes(version.storage_bytes)}<//>
      <${Fact} name="identity"><span class="datasets-identity"><code title=${version.identity}>${version.identity.slice(0, 8)}</code><${Copyable} text=${version.identity} label=${t("datasets.copy_identity")} /></span><//></dl>
    ${version.other_numbers.length > 0 && html`<p class="muted small">${t("datasets.other_numbers", { numbers: version.other_numbers.join(", ") })}</p>`}
    <${Tabs} label=${t("datasets.parts")} tabs=${TABS.map((each) => [each, t(`datasets.tab_${each}`)])} selected=${tab} select=${(each) => change({ tab: each === "report" ? null : each, class: null, split: null })} />
    <div role="tabpanel" aria-label=${t(`datasets.tab_${tab}`)} class="datasets-panel">
      ${tab === "report" && html`<div class="datasets-report"><${Findings} version=${version} /><${Classes} version=${version} select=${(name) => change({ tab: "images", class: name })} /></div><${Samples} version=${version} /><${Pixels} report=${report} />`}
      ${tab === "images" && html`<${Images} version=${version} />`}
      ${tab === "augmentation" && html`<${Augmentation} version=${version} />`}
      ${tab === "labels" && html`<${Audits} version=${version} />`}
    </div>
    <${EditBar} version=${version} />`;
}

// Numbers of the pixels, for those who compute with them.
function Pixels({ report }) {
  const list = (values) => values.map((each) => short(each, 3)).join("  ");
  const modes = Object.entries(report.modes);
  return html`<section class="section"><h2>${t("datasets.pixels")}</h2><dl class="facts"><${Fact} name="mean"><span class="mono">${list(report.mean)}</span><//><${Fact} name="deviation"><span class="mono">${list(report.deviation)}</span><//>
    <${Fact} name="modes">${modes.map(([mode, n]) => `${mode} ${percent(n / Math.max(1, report.images), n === report.images ? 0 : 1)}`).join(", ")}<//><${Fact} name="encoded">${bytes(report.encoded_bytes)}<//></dl></section>`;
}
