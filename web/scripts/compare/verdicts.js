// Whether the results of the others differ from the baseline's by more than seeds make: the service's own sentences.
import { html, useState } from "../dom.js";
import { post } from "../api.js";
import { may } from "../session.js";
import { t } from "../text.js";
import { Button } from "../components/basics.js";
import { confirm, toast, toastProblem } from "../components/overlays.js";
import { Badge } from "./parts.js";

const SEEDS = 5;
const SIGNS = { different: "≠", no_difference: "≈", one_run: "?", no_result: "…" };

// More seeds for both jobs of a verdict: as many as the service says they need, or five.
function Repeat({ verdict, comparison, reload }) {
  const [busy, setBusy] = useState(false);
  const wanted = Math.max(SEEDS, verdict.repeats_needed ?? 0);
  const jobs = [verdict.baseline, verdict.job].map((id) => comparison.jobs.find((job) => job.id === id)).filter((job) => job && job.repeats < wanted);
  const repeatable = verdict.verdict === "one_run" || (verdict.verdict === "no_difference" && verdict.repeats_needed);
  if (!may("train") || !repeatable || !jobs.length) return null;
  const more = jobs.reduce((sum, job) => sum + wanted - job.repeats, 0);
  const repeat = async () => {
    const agreed = await confirm({ title: t("compare.repeat", { n: wanted }), text: t("compare.repeat_text", { n: more }), action: t("compare.repeat_do") });
    if (!agreed) return;
    setBusy(true);
    try {
      await Promise.all(jobs.map((job) => post(`/v1/jobs/${job.id}/repeats`, { repeats: wanted })));
      toast(t("compare.repeat_done", { n: more }));
      reload();
    } catch (problem) {
      toastProblem(problem);
    }
    setBusy(false);
  };
  return html` <${Button} kind="quiet" class="compare-verdict-repeat" busy=${busy} onClick=${repeat}>${t("compare.repeat", { n: wanted })}<//>`;
}

// The data sets of two jobs that were trained on different ones, {one, other}, else null: such accuracies are of other images.
function otherData({ differences }, { job, baseline }) {
  const values = differences.find(({ pointer }) => pointer === "/dataset")?.values;
  return values && values[job] !== values[baseline] ? { one: values[job], other: values[baseline] } : null;
}

function Verdict({ verdict, comparison, ids, reload }) {
  const apart = otherData(comparison, verdict);
  const sign = html`<span class="compare-verdict-sign" title=${apart ? t("compare.verdict_other_data") : t(`compare.verdict_${verdict.verdict}`)}>${apart ? "∅" : SIGNS[verdict.verdict]}</span>`;
  return html`<li class=${`compare-verdict compare-verdict-${apart ? "other-data" : verdict.verdict}`}>
    <span class="compare-verdict-pair"><${Badge} at=${ids.indexOf(verdict.job)} />${sign}<${Badge} at=${ids.indexOf(verdict.baseline)} /></span>
    <p><span class="user-text">${apart ? t("compare.other_data", apart) : verdict.sentence}</span>
      ${!apart && html`<${Repeat} ...${{ verdict, comparison, reload }} />`}</p></li>`;
}

export function Verdicts({ comparison, ids, reload }) {
  const told = comparison.verdicts.filter((each) => ids.includes(each.job) && ids.includes(each.baseline));
  if (!told.length) return null;
  const order = [...told].sort((a, b) => ids.indexOf(a.job) - ids.indexOf(b.job));
  return html`<section class="section"><h2>${t("compare.verdicts")}</h2>
    <ul class="compare-verdicts">${order.map((verdict) => html`<${Verdict} key=${verdict.job} ...${{ verdict, comparison, ids, reload }} />`)}</ul></section>`;
}
