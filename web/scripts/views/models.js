// The trained models: what jobs have left and what somebody has brought.
import { html, useState } from "../dom.js";
import { get } from "../api.js";
import { Button, Empty, ErrorPanel, Loading, Time, useRead } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";
import { useTitle } from "../components/title.js";
import { Bring } from "../models/bring.js";
import { Link, useQuery } from "../router.js";
import { may } from "../session.js";
import { DASH, bytes, number, percent, t } from "../text.js";

const PAGE = 50;
const MOST_IDS = 100; // of one request

export default function Models() {
  useTitle(t("common.nav_models"));
  const [asked, change] = useQuery();
  const name = asked.get("name");
  const job = asked.get("job");
  const first = useRead((signal) => get("/v1/models", { name, job, limit: PAGE }, { signal }), [name, job]);
  const [more, setMore] = useState({ of: null, pages: [] });
  const [busy, setBusy] = useState(false);
  const [bringing, setBringing] = useState(false);
  const pages = more.of === first.value ? more.pages : [];
  const rows = [...(first.value?.data ?? []), ...pages.flatMap((each) => each.data)];
  const last = pages.at(-1) ?? first.value;
  const next = async () => {
    setBusy(true);
    try {
      const page = await get(last.next);
      setMore({ of: first.value, pages: [...pages, page] });
    } catch (problem) {
      toastProblem(problem);
    }
    setBusy(false);
  };
  const filtered = name || job;
  return html`<header class="page-header"><div><h1>${t("common.nav_models")}</h1><p class="muted">${t("models.intro")}</p></div>
      <div class="page-actions"><${NameSearch} key=${name} name=${name ?? ""} search=${(wanted) => change({ name: wanted, job: null })} />
        ${may("train") && html`<${Button} onClick=${() => setBringing(true)}>${t("models.bring")}<//>`}</div></header>
    ${filtered && html`<p class="models-filter">${name ? t("models.of_name", { name }) : t("models.of_job", { job })} <${Button} onClick=${() => change({ name: null, job: null })}>${t("models.show_all")}<//></p>`}
    ${first.problem && !first.value && html`<${ErrorPanel} problem=${first.problem} retry=${first.reload} />`}
    ${!first.value && !first.problem && html`<${Loading} />`}
    ${first.value && rows.length > 0 && html`<${List} rows=${rows} />`}
    ${last?.has_more && html`<p class="models-more"><${Button} busy=${busy} onClick=${next}>${t("models.more", { n: PAGE })}<//></p>`}
    ${first.value && rows.length === 0 && html`<${Empty} title=${filtered ? t("models.none_fit") : t("models.none")}
      actions=${filtered ? html`<${Button} onClick=${() => change({ name: null, job: null })}>${t("models.show_all")}<//>` : may("train") && html`<${Link} class="button button-primary" to="/new">${t("common.new_job")}<//>`}>${filtered ? "" : t("models.none_hint")}<//>`}
    ${bringing && html`<${Bring} close=${() => setBringing(false)} />`}`;
}

function NameSearch({ name, search }) {
  const [value, setValue] = useState(name);
  const submit = (event) => (event.preventDefault(), search(value.trim()));
  return html`<form class="models-search" role="search" onSubmit=${submit}><input type="search" aria-label=${t("models.search")} placeholder=${t("models.search")} value=${value} onInput=${(event) => setValue(event.target.value)} /></form>`;
}

const sizeOf = ({ files }) => files.find((each) => each.name === "weights.safetensors")?.bytes ?? files.reduce((sum, each) => sum + each.bytes, 0);

// The names of the jobs that models come from, by id. A job without one, or that is gone, is not in it.
function useJobNames(rows) {
  const ids = [...new Set(rows.map((each) => each.job_id).filter(Boolean))];
  const { value } = useRead(async (signal) => {
    const pages = Array.from({ length: Math.ceil(ids.length / MOST_IDS) }, (_, n) => ids.slice(MOST_IDS * n, MOST_IDS * (n + 1)));
    const found = await Promise.all(pages.map((page) => get("/v1/job-summaries", { id: page, limit: MOST_IDS }, { signal })));
    return new Map(found.flatMap(({ data }) => data).filter((job) => job.name).map((job) => [job.id, job.name]));
  }, [ids.join()]);
  return value ?? new Map();
}

const shortId = (id) => `${id.slice(0, 4)}…${id.slice(-6)}`;

function List({ rows }) {
  const names = useJobNames(rows);
  return html`<div class="table-wrap"><table class="table models-table">
    <thead><tr><th scope="col">${t("models.model")}</th><th scope="col">${t("models.trained_on")}</th><th scope="col" class="num">${t("models.classes")}</th>
      <th scope="col" class="num">${t("models.test_accuracy")}</th><th scope="col" class="num">${t("models.weights")}</th><th scope="col">${t("models.from")}</th><th scope="col">${t("models.made")}</th></tr></thead>
    <tbody>${rows.map((each) => html`<tr key=${each.id}>
      <th scope="row"><${Link} to=${`/models/${each.id}`} class="models-name">${each.names.length ? each.names.map((named) => `${named.name}@${named.version}`).join(", ") : each.architecture}<//>
        ${each.names.flatMap((named) => named.aliases).map((alias) => html` <span class="tag models-alias" key=${alias}>${alias}</span>`)}
        <span class="models-under">${each.names.length > 0 && `${each.architecture} · `}<span class="mono">${each.id.slice(-8)}</span></span></th>
      <td data-label=${t("models.trained_on")}><span class="models-dataset">${each.dataset ?? DASH}</span></td>
      <td class="num" data-label=${t("models.classes")}>${number(each.class_count)}</td>
      <td class="num" data-label=${t("models.test_accuracy")}>${percent(each.metrics?.test_accuracy)}</td>
      <td class="num" data-label=${t("models.weights")}>${bytes(sizeOf(each))}</td>
      <td>${each.job_id ? html`<${Link} to=${`/jobs/${each.job_id}`} class=${names.has(each.job_id) ? "user-text models-job-name" : "mono models-job"} title=${names.get(each.job_id) ?? each.job_id}>${names.get(each.job_id) ?? shortId(each.job_id)}<//>` : t("models.brought")}</td>
      <td><${Time} at=${each.created_at} /></td></tr>`)}</tbody></table></div>`;
}
