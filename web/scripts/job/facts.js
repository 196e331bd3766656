// What matters now: best so far, how far, how fast, and why it waits or failed.
import { classes, html, useEffect, useReducer } from "../dom.js";
import { Link } from "../router.js";
import { duration, hasText, loss, number, percent, t, toNumber } from "../text.js";
import { Progress } from "../components/basics.js";
import { FINAL } from "./model.js";

// Draws the component again every second while `running`.
function useClock(running) {
  const [, tick] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => document.hidden || tick(), 1000);
    return () => clearInterval(timer);
  }, [running]);
}

// A split's name in the reader's language.
export const splitName = (split) => (hasText(`job.split_${split}`) ? t(`job.split_${split}`) : split);

// Epochs that are trained: `progress` names the last step that is done, and the one under way does not count. What an
// attempt has trained that is lost does not count either, nor does the epoch in which it diverged.
export function epochsDone({ progress: { epoch, step, steps_per_epoch: steps }, latest, attempts, error }) {
  const sound = [latest?.train_loss, latest?.test_loss].every((each) => each === null || Number.isFinite(toNumber(each)));
  const measured = latest && latest.attempt === attempts.at(-1)?.number ? latest.epoch + (sound ? 1 : 0) : 0;
  if (epoch === null) return measured;
  const whole = error?.code !== "diverged" && (step === null || (steps && step >= steps - 1));
  return Math.max(measured, whole ? epoch + 1 : epoch);
}

// Reasons to wait that pass by themselves. The others want somebody to do something.
const PATIENCE = new Set(["slots_busy", "behind_others", "about_to_start"]);

function Fact({ label, value, children, wide }) {
  return html`<div class=${wide ? "job-fact job-fact-wide" : "job-fact"}><dt>${label}</dt><dd><span class="job-fact-value">${value}</span>
    <span class="job-fact-note">${children}</span></dd></div>`;
}

function Best({ best }) {
  const chosen = best?.[`${best.chosen_on}_accuracy`];
  const also = best && best.chosen_on === "validation" ? t("job.best_test", { accuracy: percent(best.test_accuracy) }) : "";
  return html`<${Fact} label=${t("job.best")} value=${best ? percent(chosen) : "–"}>
    ${best && t("job.best_note", { epoch: best.epoch, split: splitName(best.chosen_on) })}${also && ` · ${also}`}<//>`;
}

function Latest({ latest }) {
  const held = latest && (latest.validation_loss !== null ? ["validation", latest.validation_loss] : ["test", latest.test_loss]);
  return html`<${Fact} label=${t("job.latest_loss")} value=${latest ? loss(latest.train_loss) : "–"}>
    ${latest && `${splitName(held[0])} ${loss(held[1])}`}<//>`;
}

function Pace({ job }) {
  const attempt = job.attempts.at(-1);
  const devices = attempt?.devices ?? [];
  const name = attempt?.facts?.device ?? devices[0];
  return html`<${Fact} label=${t("job.pace")} value=${job.latest ? html`${number(job.latest.images_per_second)} <span class="job-fact-unit">${t("job.per_second")}</span>` : "–"}>
    ${name && html`<span class="user-text">${devices.length > 1 ? `${devices.length} × ${name}` : name}</span>`}${attempt && html` · <span class="user-text">${attempt.worker}</span>`}<//>`;
}

function howLong(job) {
  const { estimated_finish: finish } = job.progress;
  if (job.status === "running" && finish) {
    return t("job.left", { time: duration(Math.max(1, Math.round((Date.parse(finish) - Date.now()) / 1000))) });
  }
  if (FINAL.has(job.status) && job.started_at) {
    return t("job.took", { time: duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000) });
  }
  return job.status === "running" ? t("job.left_unknown") : "";
}

export function Facts({ job }) {
  useClock(job.status === "running");
  const { progress } = job;
  return html`<dl class="job-facts">
    <${Best} best=${job.best} />
    <${Fact} label=${t("job.progress")} wide value=${t("job.epochs_of", { done: epochsDone(job), all: progress.epochs })}>
      <${Progress} value=${progress.percent / 100} />${howLong(job)}<//>
    <${Latest} latest=${job.latest} />
    <${Pace} job=${job} />
  </dl>`;
}

// Why it waits, why it failed, and what is asked but not done.
export function Notices({ job }) {
  const { error, queue, requested, parent } = job;
  const whole = parent && (parent.startsWith("swp_") ? ["job.of_sweep", `/sweeps/${parent}`] : parent.startsWith("job_") ? ["job.of_job", `/jobs/${parent}?tab=repeats`] : null);
  return html`
    ${whole && html`<p class="job-parent">${t(whole[0])} <${Link} to=${whole[1]}>${parent}<//></p>`}
    ${requested && html`<p class="notice job-notice" role="status">${t(`job.asked_${requested}`)}</p>`}
    ${error && html`<div class="error-panel job-notice"><p class="error-panel-title">${error.message}</p><p>${error.hint}</p>
      <p class="job-fact-note"><code>${error.code}</code> · ${t("job.attempt_n", { n: error.attempt })}${error.retryable ? ` · ${t("job.retryable")}` : ""}</p></div>`}
    ${queue && html`<div class=${classes("notice job-notice", !PATIENCE.has(queue.code) && "notice-warn")}><p><b>${queue.position ? t("job.waits_at", { n: queue.position }) : t("job.waits")}</b> ${queue.reason}</p></div>`}
    ${job.status === "paused" && !requested && html`<p class="notice notice-warn job-notice">${t("job.is_paused")}</p>`}`;
}
