// The small parts that sweeps and experiments share.
import { html } from "../dom.js";
import { del, post } from "../api.js";
import { navigate } from "../router.js";
import { may } from "../session.js";
import { duration, number, t } from "../text.js";
import { Button, Progress, Status } from "../components/basics.js";
import { confirm, toast, toastProblem } from "../components/overlays.js";
import { fieldWords, valueWords } from "../compare/fields.js";
import { SWEEP_OVER, firstStart, secondsLeft, secondsTaken } from "./data.js";

// A sweep without a name is called by what varies in it.
export function sweepName({ name, id, space }) {
  const fields = Object.keys(space ?? {}).map((path) => fieldWords(path)[0]).join(", ");
  return name || (fields ? t("sweeps.sweep_of", { fields }) : id);
}

export const SweepStatus = ({ status }) =>
  html`<${Status} status=${status === "deleted" ? "cancelled" : status} word=${status === "deleted" ? t("sweeps.deleted") : undefined} />`;

// How far a sweep is, in a bar and in words.
export function SweepProgress({ sweep, jobs }) {
  const { progress } = sweep;
  const over = SWEEP_OVER.has(sweep.status);
  const left = secondsLeft(sweep, firstStart(jobs));
  const taken = secondsTaken(jobs);
  return html`<div class="sweeps-progress">
    <${Progress} value=${progress.percent / 100} />
    <p class="small muted"><span>${t("sweeps.ended", { n: number(progress.jobs_over), total: number(progress.jobs) })}</span>
      ${!over && html`<span>${number(progress.percent, 0)} %</span>`}
      ${left !== null && html`<span>${t("sweeps.left", { time: duration(Math.round(left)) })}</span>`}
      ${over && taken !== null && html`<span>${t("sweeps.took", { time: duration(Math.round(taken)) })}</span>`}</p>
  </div>`;
}

// What a trial has of its own, in words.
export const trialWords = (trial) => trial.label ?? Object.entries(trial.values).map(([path, value]) => `${fieldWords(path)[0]} ${valueWords(value)}`).join(", ");

// Buttons that end or remove a sweep, each with its consequence.
export function SweepActions({ sweep, reload }) {
  if (!may("train")) return null;
  const unfinished = sweep.progress.jobs - sweep.progress.jobs_over;
  const cancel = async () => {
    const agreed = await confirm({ title: t("sweeps.cancel"), text: t("sweeps.cancel_text", { n: unfinished }), action: t("sweeps.cancel"), danger: true });
    if (!agreed) return;
    try {
      await post(`/v1/sweeps/${sweep.id}/cancel`);
      reload();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const remove = async () => {
    const agreed = await confirm({ title: t("sweeps.delete"), text: t("sweeps.delete_text", { n: sweep.progress.jobs }), action: t("sweeps.delete"), danger: true });
    if (!agreed) return;
    try {
      await del(`/v1/sweeps/${sweep.id}`);
      toast(t("sweeps.gone"));
      navigate("/sweeps");
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return SWEEP_OVER.has(sweep.status) ? html`<${Button} onClick=${remove}>${t("sweeps.delete")}<//>` : html`<${Button} onClick=${cancel}>${t("sweeps.cancel")}<//>`;
}
