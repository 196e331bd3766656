// What can be done with a job. Each verb says its consequence before it is done.
import { html, useState } from "../dom.js";
import { del, post } from "../api.js";
import { Link, navigate } from "../router.js";
import { may } from "../session.js";
import { t } from "../text.js";
import { Button, Field } from "../components/basics.js";
import { Dialog, Menu, confirm, toast, toastProblem } from "../components/overlays.js";
import { FINAL } from "./model.js";

const MOST_REPEATS = 20;
const BEFORE = new Set(["queued", "starting"]);

// The verbs that a job's status allows.
export function verbsOf({ status, requested }) {
  if (FINAL.has(status)) return ["delete"];
  if (requested === "cancel") return [];
  if (requested === "stop") return ["cancel"];
  if (requested === "pause") return ["stop", "cancel"];
  return [status === "paused" ? "resume" : "pause", "stop", "cancel"];
}

async function ask(model, verb) {
  try {
    model.job.set(await post(`${model.path}/${verb}`));
    if (verb === "pause") toast(t("job.done_pause"), { undo: () => ask(model, "resume") });
  } catch (problem) {
    toastProblem(problem);
  }
}

async function confirmed(model, job, verb) {
  const before = BEFORE.has(job.status) && verb === "stop";
  const sure = await confirm({
    title: t(`job.${verb}_title`),
    text: t(before ? "job.stop_before_text" : `job.${verb}_text`),
    action: t(`job.${verb}`),
    danger: verb === "cancel",
  });
  if (sure) await ask(model, verb);
}

async function remove(model, job) {
  const text = job.repeats > 1 ? t("job.delete_repeats_text", { n: job.repeats }) : t("job.delete_text");
  if (!(await confirm({ title: t("job.delete_title"), text, action: t("common.delete"), danger: true }))) return;
  try {
    await del(model.path);
    navigate("/jobs");
    toast(t("job.done_delete"));
  } catch (problem) {
    toastProblem(problem);
  }
}

function RepeatDialog({ model, job, close }) {
  const [count, setCount] = useState(Math.min(MOST_REPEATS, Math.max(5, job.repeats + 1)));
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await post(`${model.path}/repeats`, { repeats: Number(count) });
      await model.readJobNow();
      close();
      navigate(`/jobs/${job.id}?tab=repeats`, { replace: true });
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("job.repeat_title")} close=${close}>
    <p>${t("job.repeat_text", { seed: job.spec.seed, next: job.spec.seed + 1 })}</p>
    <form onSubmit=${submit} class="job-repeat-form">
      <${Field} label=${t("job.repeat_count")} error=${problem?.detail} hint=${t("job.repeat_hint", { n: job.repeats })}>${(control) => html`<input type="number"
        ...${control} min=${job.repeats} max=${MOST_REPEATS} required value=${count} onInput=${(event) => setCount(event.target.value)} />`}<//>
      <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.not_now")}<//>
        <${Button} kind="primary" type="submit" busy=${busy}>${t("job.repeat")}<//></footer>
    </form>
  <//>`;
}

export function Actions({ model, job }) {
  const [repeating, setRepeating] = useState(false);
  const compare = html`<${Link} to=${`/compare?job=${job.id}`} class="button">${t("job.compare")}<//>`;
  if (!may("train")) return html`<div class="page-actions job-actions">${compare}</div>`;
  const isFinal = FINAL.has(job.status);
  const verbs = verbsOf(job);
  const item = (verb) => ({
    label: t(`job.${verb}`),
    hint: t(`job.${verb}_hint`),
    danger: verb === "cancel" || verb === "delete",
    act: () => (verb === "delete" ? remove(model, job) : confirmed(model, job, verb)),
  });
  const isRepeat = job.parent?.startsWith("job_");
  const repeat = isRepeat ? [] : [{ label: t("job.repeat"), hint: t("job.repeat_menu_hint"), act: () => setRepeating(true) }];
  const first = verbs.includes("resume") ? "resume" : verbs.includes("pause") ? "pause" : null;
  return html`<div class="page-actions job-actions">
    ${first && html`<${Button} title=${t(`job.${first}_hint`)} onClick=${() => (first === "resume" ? ask(model, "resume") : confirmed(model, job, "pause"))}>${t(`job.${first}`)}<//>`}
    ${!isFinal && verbs.includes("stop") && html`<${Button} title=${t("job.stop_hint")} onClick=${() => confirmed(model, job, "stop")}>${t("job.stop")}<//>`}
    <${Link} to=${`/new?from=${job.id}`} class="button" title=${t("job.rerun_hint")}>${t("job.rerun")}<//>
    ${compare}
    <${Menu} label=${t("common.more")} items=${[...repeat, ...verbs.filter((verb) => verb === "cancel" || verb === "delete").map(item)]} />
    ${repeating && html`<${RepeatDialog} model=${model} job=${job} close=${() => setRepeating(false)} />`}
  </div>`;
}
