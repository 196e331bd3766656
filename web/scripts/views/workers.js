// Who runs what, and what waits and why.
import { html, useEffect } from "../dom.js";
import { all } from "../api.js";
import { subscribe } from "../live.js";
import { Link } from "../router.js";
import { throttle } from "../store.js";
import { bytes, number, t } from "../text.js";
import { Empty, ErrorPanel, Loading, Progress, Status, Time, useRead } from "../components/basics.js";
import { useTitle } from "../components/title.js";

const REFRESH_SECONDS = 5; // workers report their load every few seconds

// Read again every few seconds while the page is seen, and soon after something has happened to a job.
function useFresh(reload) {
  useEffect(() => {
    const soon = throttle(reload, 1000);
    const ended = subscribe(({ type }) => type === "epoch" || type === "progress" || soon());
    const timer = setInterval(() => document.hidden || reload(), 1000 * REFRESH_SECONDS);
    return () => {
      ended();
      soon.cancel();
      clearInterval(timer);
    };
  }, []);
}

function Worker({ worker, names }) {
  const used = worker.memory_total_bytes && worker.memory_available_bytes !== null
    ? 1 - worker.memory_available_bytes / worker.memory_total_bytes : null;
  return html`<li class="worker">
    <header class="worker-head"><h2 class="user-text">${worker.id}</h2><${Status} status=${worker.state} /></header>
    <p class="muted user-text">${worker.devices.join(", ")}</p>
    <p class="worker-slots" aria-label=${t("workers.slots", { busy: worker.busy_slots, slots: worker.slots })}>
      ${Array.from({ length: worker.slots }, (_, n) => html`<span class=${n < worker.busy_slots ? "worker-slot worker-busy" : "worker-slot"}></span>`)}
      <span class="small muted">${t("workers.slots", { busy: worker.busy_slots, slots: worker.slots })}</span></p>
    <ul class="worker-jobs">${worker.jobs.map((id) => html`<li key=${id}><${Link} to=${`/jobs/${id}`} class="user-text">${names.get(id) ?? id}<//></li>`)}
      ${worker.busy_slots > worker.jobs.length && html`<li class="muted">${t("workers.others", { n: worker.busy_slots - worker.jobs.length })}</li>`}</ul>
    <dl class="facts worker-facts">
      <div><dt>${t("workers.memory")}</dt><dd>${used !== null && html`<${Progress} value=${used} label=${t("workers.memory")} />`}
        ${bytes(worker.memory_available_bytes)} ${t("workers.free")}</dd></div>
      <div><dt>${t("workers.load")}</dt><dd>${number(worker.load_average, 1)} / ${worker.cores ?? "?"}</dd></div>
      <div><dt>${t("workers.since")}</dt><dd><${Time} at=${worker.started_at} /></dd></div>
      <div><dt>${t("workers.versions")}</dt><dd class="user-text">Epochal ${worker.epochal_version ?? "?"}, torch ${worker.torch_version}</dd></div>
    </dl>
  </li>`;
}

function Queue({ queue }) {
  if (!queue.length) return html`<p class="muted">${t("workers.nothing_waits")}</p>`;
  return html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("workers.queue")}><table class="table">
    <thead><tr><th scope="col" class="num">${t("workers.position")}</th><th scope="col">${t("workers.job")}</th><th scope="col">${t("workers.reason")}</th>
      <th scope="col" class="num">${t("workers.priority")}</th><th scope="col">${t("workers.waiting_since")}</th></tr></thead>
    <tbody>${queue.map((each) => html`<tr key=${each.job_id}>
      <td class="num">${number(each.position)}</td>
      <td><${Link} to=${`/jobs/${each.job_id}`} class="user-text">${each.name ?? each.job_id}<//></td>
      <td class="workers-reason">${each.reason}</td><td class="num">${each.priority}</td><td><${Time} at=${each.queued_at} /></td></tr>`)}</tbody>
  </table></div>`;
}

export default function Workers() {
  useTitle(t("common.nav_workers"));
  const workers = useRead((signal) => all("/v1/workers", {}, { signal }), []);
  const queue = useRead((signal) => all("/v1/queue", { limit: 100 }, { signal }), []);
  const running = useRead((signal) => all("/v1/job-summaries", { status: ["starting", "running"], limit: 1000 }, { signal }), []);
  useFresh(() => [workers, queue, running].forEach((each) => each.reload()));
  const names = new Map((running.value ?? []).map((each) => [each.id, each.name ?? each.id]));
  const first = [workers, queue].find((each) => each.problem && !each.value);
  return html`<div class="page-header"><h1>${t("common.nav_workers")}</h1></div>
    ${first && html`<${ErrorPanel} problem=${first.problem} retry=${first.reload} />`}
    ${!first && !workers.value && html`<${Loading} />`}
    ${workers.value?.length === 0 && html`<${Empty} title=${t("workers.none")}>${t("workers.none_hint")}<//>`}
    ${workers.value?.length > 0 && html`<ul class="workers">${workers.value.map((each) => html`<${Worker} key=${each.id} worker=${each} names=${names} />`)}</ul>`}
    ${queue.value && html`<section class="section"><h2>${t("workers.queue")}</h2><${Queue} queue=${queue.value} /></section>`}`;
}
