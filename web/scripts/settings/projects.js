// What each project uses of what it may.
import { html, useState } from "../dom.js";
import { all, get, patch, post } from "../api.js";
import { bytes, dateTime, number, t } from "../text.js";
import { Button, ErrorPanel, Field, Loading, Progress, useRead } from "../components/basics.js";
import { Dialog, toast } from "../components/overlays.js";

const GIB = 2 ** 30;

// Each limit: its name in a project, what is used of it, how both are written, and what a unit of the form is.
const LIMITS = [
  ["max_running_jobs", "running_jobs", number, 1],
  ["max_queued_jobs", "queued_jobs", number, 1],
  ["max_storage_bytes", "storage_bytes", bytes, GIB],
  ["max_device_hours", "device_hours", (value) => number(value, 1), 1],
];

const errorAt = (problem, name) => problem?.errors?.find((each) => each.pointer === `#/${name}`)?.detail;

// A dialog for the limits of a project; without `project` it makes one.
function Limits({ project, close, done }) {
  const [values, setValues] = useState(() => Object.fromEntries(LIMITS.map(([name, , , unit]) => [name, project?.[name] == null ? "" : String(project[name] / unit)])));
  const [id, setId] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const limits = Object.fromEntries(LIMITS.map(([name, , , unit]) => [name, values[name] === "" ? null : name === "max_device_hours" ? Number(values[name]) : Math.round(Number(values[name]) * unit)]));
    try {
      await (project ? patch(`/v1/projects/${project.id}`, limits) : post("/v1/projects", { id, ...limits }));
      done();
      close();
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  const known = new Set(["id", ...LIMITS.map(([name]) => name)].map((name) => `#/${name}`));
  const elsewhere = problem && !problem.errors?.some((each) => known.has(each.pointer));
  return html`<${Dialog} title=${project ? t("settings.limits_of", { project: project.id }) : t("settings.new_project")} close=${close}>
    <form class="settings-form" onSubmit=${save}>
      ${elsewhere && html`<${ErrorPanel} problem=${problem} />`}
      ${!project && html`<${Field} label=${t("settings.project_id")} hint=${t("settings.project_id_hint")} error=${errorAt(problem, "id")}>${(control) => html`<input ...${control} required value=${id} onInput=${(event) => setId(event.target.value)} />`}<//>`}
      ${LIMITS.map(([name]) => html`<${Field} key=${name} label=${t(`settings.${name}`)} error=${errorAt(problem, name)}>${(control) => html`<input ...${control} type="number" min="0" step="any" placeholder=${t("settings.no_limit")}
        value=${values[name]} onInput=${(event) => setValues({ ...values, [name]: event.target.value })} />`}<//>`)}
      <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("common.save")}<//></footer>
    </form>
  <//>`;
}

function Retention({ project }) {
  const found = useRead((signal) => get(`/v1/projects/${project}/retention`, {}, { signal }), [project]);
  if (!found.value) return null;
  const { rules, removes } = found.value;
  const ages = ["checkpoints_days", "weights_days", "dataset_versions_days", "uploads_days"].filter((name) => rules[name] !== null);
  if (!ages.length) return html`<p class="small muted">${t("settings.keeps_all")}</p>`;
  const soon = Object.values(removes).reduce((sum, each) => sum + each.size_bytes, 0);
  return html`<p class="small muted">${ages.map((name) => t(`settings.${name}`, { days: number(rules[name], Number.isInteger(rules[name]) ? 0 : 1) })).join(" · ")}
    ${soon > 0 && ` · ${t("settings.removed_next", { size: bytes(soon) })}`}</p>`;
}

export function Projects({ caller }) {
  const [editing, setEditing] = useState(null);
  const projects = useRead((signal) => all("/v1/projects", { limit: 100 }, { signal }), []);
  if (projects.problem && !projects.value) return html`<${ErrorPanel} problem=${projects.problem} retry=${projects.reload} />`;
  if (!projects.value) return html`<${Loading} />`;
  const saved = () => {
    projects.reload();
    toast(t("settings.saved"));
  };
  return html`${caller.operator && html`<p class="page-actions"><${Button} onClick=${() => setEditing({})}>${t("settings.new_project")}<//></p>`}
    <ul class="settings-cards">${projects.value.map((project) => html`<li class="settings-card" key=${project.id}>
      <header><h2 class="user-text">${project.id}</h2>${caller.operator && html`<${Button} kind="quiet" onClick=${() => setEditing(project)}>${t("settings.change_limits")}<//>`}</header>
      <dl class="facts settings-usage">${LIMITS.map(([limit, used, write]) => html`<div key=${limit}><dt>${t(`settings.${used}`)}</dt>
        <dd>${write(project.usage[used])} <span class="muted">${project[limit] === null ? "" : `/ ${write(project[limit])}`}</span>
        ${project[limit] > 0 && html`<${Progress} value=${project.usage[used] / project[limit]} label=${t(`settings.${used}`)} />`}</dd></div>`)}</dl>
      <${Retention} project=${project.id} />
      <p class="small muted">${t("settings.since", { date: dateTime(project.created_at) })}</p>
    </li>`)}</ul>
    ${editing && html`<${Limits} project=${editing.id ? editing : null} close=${() => setEditing(null)} done=${saved} />`}`;
}
