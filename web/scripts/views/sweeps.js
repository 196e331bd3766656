// All sweeps, the newest first; and the form that makes one.
import { html, useEffect } from "../dom.js";
import { get } from "../api.js";
import * as live from "../live.js";
import { Link, useQuery } from "../router.js";
import { may } from "../session.js";
import { throttle } from "../store.js";
import { DASH, duration, number, percent, t } from "../text.js";
import { Button, Empty, ErrorPanel, Loading, Progress, Time, useRead } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { useFieldNames } from "../compare/fields.js";
import { SWEEP_OVER, secondsLeft } from "../sweeps/data.js";
import { SweepForm } from "../sweeps/form.js";
import { SweepStatus, sweepName } from "../sweeps/parts.js";

const ROWS = 25;
const READ_EVERY = 5000;

// A page of sweeps; of each its best job, and of those that run the start of the first job.
async function read(after, signal) {
  const page = await get("/v1/sweeps", { after, limit: ROWS }, { signal });
  const one = (parent, sort) => get("/v1/job-summaries", { parent, sort, limit: 1 }, { signal }).then((found) => found.data[0] ?? null);
  const details = await Promise.all(page.data.map(async (sweep) => ({
    best: await one(sweep.id, "-best_accuracy"),
    space: sweep.name ? null : (await get(`/v1/sweeps/${sweep.id}`, {}, { signal })).space,
    first: SWEEP_OVER.has(sweep.status) ? null : await one(sweep.id, "created_at"),
  })));
  return { ...page, data: page.data.map((sweep, at) => ({ ...sweep, ...details[at] })) };
}

function Row({ sweep }) {
  const { progress, best } = sweep;
  const left = secondsLeft(sweep, sweep.first?.started_at);
  return html`<tr><th scope="row" class="sweeps-name"><${Link} class="user-text" to=${`/sweeps/${sweep.id}`}>${sweepName(sweep)}<//>
      ${sweep.experiment && html` <span class="tag">${t("sweeps.experiment")}</span>`}</th>
    <td><${SweepStatus} status=${sweep.status} /></td>
    <td class="sweeps-bar"><span><${Progress} value=${progress.percent / 100} label=${t("sweeps.progress_of", { name: sweepName(sweep) })} /><small class="muted">${number(progress.jobs_over)} / ${number(progress.jobs)}</small></span></td>
    <td class="num">${best?.best ? html`<${Link} to=${`/jobs/${best.id}`} title=${best.name}>${percent(best.best.accuracy)}<//>` : DASH}</td>
    <td class="num sweeps-col-left">${left === null ? DASH : duration(Math.round(left))}</td>
    <td class="num muted sweeps-col-made"><${Time} at=${sweep.created_at} /></td></tr>`;
}

function List({ query, change }) {
  useFieldNames();
  const after = query.get("after");
  const { value, problem, reload } = useRead((signal) => read(after, signal), [after]);
  const unfinished = value?.data.some((sweep) => !SWEEP_OVER.has(sweep.status));
  useEffect(() => {
    const again = throttle(reload, READ_EVERY);
    const end = live.subscribe(({ type }) => (unfinished || type === "queued" || type === "resync") && again());
    return () => {
      end();
      again.cancel();
    };
  }, [unfinished]);
  if (problem && !value) return html`<${ErrorPanel} problem=${problem} retry=${reload} />`;
  if (!value) return html`<${Loading} />`;
  if (!value.data.length && !after) {
    return html`<${Empty} title=${t("sweeps.none")} actions=${may("train") && html`<${Button} kind="primary" onClick=${() => change({ new: 1 })}>${t("sweeps.new")}<//>
      <${Link} class="button" to="/experiments">${t("sweeps.to_experiments")}<//>`}>${t("sweeps.none_text")}<//>`;
  }
  return html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("common.nav_sweeps")}><table class="table sweeps-list">
      <thead><tr><th scope="col">${t("sweeps.name")}</th><th scope="col">${t("compare.status")}</th><th scope="col">${t("common.progress")}</th>
        <th scope="col" class="num">${t("compare.best")}</th><th scope="col" class="num sweeps-col-left">${t("sweeps.time_left")}</th><th scope="col" class="num sweeps-col-made">${t("sweeps.made")}</th></tr></thead>
      <tbody>${value.data.map((sweep) => html`<${Row} key=${sweep.id} sweep=${sweep} />`)}</tbody></table></div>
    ${(value.has_more || after) && html`<p class="page-actions sweeps-pager">${after && html`<${Button} onClick=${() => change({ after: null })}>${t("sweeps.newest")}<//>`}
      ${value.has_more && html`<${Button} onClick=${() => change({ after: value.data.at(-1).id }, { push: true })}>${t("sweeps.older")}<//>`}</p>`}`;
}

export default function Sweeps() {
  const [query, change] = useQuery();
  const making = may("train") && (query.has("new") || query.has("from") || query.has("recipe"));
  useTitle(t(making ? "sweeps.new" : "common.nav_sweeps"));
  return html`<div class="sweeps"><header class="page-header"><div><h1>${t(making ? "sweeps.new" : "common.nav_sweeps")}</h1><p class="muted">${t(making ? "sweeps.new_text" : "sweeps.text")}</p></div>
      ${!making && may("train") && html`<div class="page-actions"><${Button} onClick=${() => change({ new: 1 }, { push: true })}>${t("sweeps.new")}<//></div>`}</header>
    ${making ? html`<${SweepForm} ...${{ query, change }} />` : html`<${List} ...${{ query, change }} />`}</div>`;
}
