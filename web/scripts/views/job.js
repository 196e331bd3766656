// One job: how it is going, why, and what comes next. The first screen answers; the rest lies in tabs.
import { html, useEffect, useMemo, useReducer, useState } from "../dom.js";
import { Link, useQuery } from "../router.js";
import { useSignal } from "../store.js";
import { t } from "../text.js";
import { Empty, ErrorPanel, Loading, Tabs } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { Curves } from "../job/curves.js";
import { Diagnosis, useDiagnosis } from "../job/diagnosis.js";
import { Facts, Notices } from "../job/facts.js";
import { Header } from "../job/header.js";
import { FINAL, JobModel } from "../job/model.js";

export default function Job({ id }) {
  const model = useMemo(() => new JobModel(id), [id]);
  useEffect(() => model.open(), [model]);
  const job = useSignal(model.job);
  const problem = useSignal(model.problem);
  const deleted = useSignal(model.deleted);
  useTitle(job ? titleOf(job) : id);
  if (!job && problem?.status === 404) {
    const list = html`<${Link} to="/jobs" class="button">${t("common.to_jobs")}<//>`;
    return html`<${Empty} page title=${t("job.not_found")} actions=${list}>${t("job.not_found_text")} <code class="user-text">${id}</code><//>`;
  }
  if (!job && problem) return html`<${ErrorPanel} page problem=${problem} retry=${() => model.read()} />`;
  if (!job) return html`<${Loading} />`;
  return html`<div class="job">
    ${deleted && html`<p class="notice notice-warn job-gone" role="alert">${t("job.deleted_meanwhile")} <${Link} to="/jobs">${t("common.to_jobs")}<//></p>`}
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${() => model.read()} />`}
    <${Header} model=${model} job=${job} deleted=${deleted} />
    <${Notices} job=${job} />
    <${Facts} job=${job} />
    <${Parts} model=${model} job=${job} />
  </div>`;
}

const SIGNS = { running: "● ", failed: "✕ ", succeeded: "✓ " };
const titleOf = (job) => `${SIGNS[job.status] ?? ""}${job.name ?? job.id}`;

// What each tab shows. All but the first are loaded when they are chosen.
const TABS = {
  curves: null,
  evaluation: () => import("../job/evaluation.js"),
  repeats: () => import("../job/repeats.js"),
  settings: () => import("../job/settings.js"),
  runs: () => import("../job/runs.js"),
  log: () => import("../job/log.js"),
  files: () => import("../job/files.js"),
};
const loaded = { curves: Overview };

// The component of a tab: undefined until it is loaded. What cannot be loaded is the page's fault: the shell says so.
function usePart(name) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    if (loaded[name]) return;
    TABS[name]().then((module) => {
      loaded[name] = module.default;
      redraw();
    }, setFailure);
  }, [name]);
  if (failure) throw failure;
  return loaded[name];
}

// A tab whose content the job cannot have is not there. The evaluation may come until the job ends, and its tab stays while
// the page is open: others do not move.
function tabsOf(job, seen) {
  const absent = new Set();
  if (job.predictions || !FINAL.has(job.status)) seen.add("evaluation");
  if (!seen.has("evaluation")) absent.add("evaluation");
  if (job.repeats < 2) absent.add("repeats");
  return Object.keys(TABS).filter((name) => !absent.has(name));
}

function Parts({ model, job }) {
  const [query, change] = useQuery();
  const seen = useMemo(() => new Set(), [model]);
  const names = tabsOf(job, seen);
  const wanted = query.get("tab");
  const selected = names.includes(wanted) ? wanted : "curves";
  const Shown = usePart(selected);
  return html`<${Tabs} label=${t("job.parts")} selected=${selected} tabs=${names.map((name) => [name, t(`job.tab_${name}`)])}
      select=${(name) => change({ tab: name === "curves" ? null : name })} />
    <div class="job-part" role="tabpanel" aria-label=${t(`job.tab_${selected}`)}>
      ${Shown ? html`<${Shown} model=${model} job=${job} final=${FINAL.has(job.status)} />` : html`<${Loading} />`}
    </div>`;
}

function Overview({ model, job }) {
  const diagnosis = useDiagnosis(model, job);
  return html`<div class="job-overview">
    <${Curves} model=${model} job=${job} bands=${diagnosis.bands} forecast=${diagnosis.value?.forecast} />
    <${Diagnosis} job=${job} diagnosis=${diagnosis} />
  </div>`;
}
