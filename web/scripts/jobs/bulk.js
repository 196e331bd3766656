// What can be done with the chosen jobs.
import { html, useEffect, useReducer } from "../dom.js";
import { navigate } from "../router.js";
import { may } from "../session.js";
import { useSignal } from "../store.js";
import { number, t } from "../text.js";
import { Button } from "../components/basics.js";
import { Dialog } from "../components/overlays.js";
import { row as rowOf, subscribe } from "../jobs_store.js";
import { VERBS, failures, perform } from "./actions.js";
import { nameOf } from "./words.js";

const MOST_COMPARED = 10;

export function Bulk({ choice }) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => subscribe(({ changed }) => [...choice.ids].some((id) => changed.has(id)) && redraw()), [choice.ids]);
  const chosen = [...choice.ids].map(rowOf).filter(Boolean);
  const n = chosen.length;
  const act = async (verb) => (await perform(verb, chosen)) && verb === "delete" && choice.clear();
  const compare = () => navigate(`/compare?${chosen.map((row) => `job=${row.id}`).join("&")}`);
  const verbs = may("train") ? Object.keys(VERBS).filter((verb) => chosen.some(VERBS[verb])) : [];
  return html`<div class="jobs-bulk" role="toolbar" aria-label=${t("jobs.bulk")}>
    <span class="jobs-bulk-count" role="status">${t("jobs.chosen", { n })}</span>
    <${Button} disabled=${n < 2 || n > MOST_COMPARED} title=${t("jobs.compare_hint", { most: MOST_COMPARED })} onClick=${compare}>${t("jobs.compare")}<//>
    ${verbs.map((verb) => {
      const count = chosen.filter(VERBS[verb]).length;
      return html`<${Button} key=${verb} class=${verb === "delete" || verb === "cancel" ? "jobs-harm" : ""} title=${t(`jobs.hint_${verb}`)}
        onClick=${() => act(verb)}>${t(`jobs.verb_${verb}`)}${count < n && html` <span class="jobs-count">${number(count)}</span>`}<//>`;
    })}
    <${Button} kind="quiet" onClick=${choice.clear}>${t("jobs.clear_choice")}<//>
  </div>`;
}

// What did not work, by name.
export function Failures() {
  const told = useSignal(failures);
  if (!told) return null;
  const close = () => failures.set(null);
  return html`<${Dialog} title=${t(`jobs.failed_${told.verb}`, { n: told.failed.length })} close=${close}>
    ${told.done > 0 && html`<p>${t("jobs.others_done", { n: told.done })}</p>`}
    <ul class="jobs-failures">${told.failed.map(({ row, problem }) => html`<li key=${row.id}><strong class="user-text" dir="auto">${nameOf(row)}</strong>
      <span class="muted">${problem.status === 0 ? t("common.unreachable") : problem.detail || problem.message}</span></li>`)}</ul>
    <footer class="dialog-footer"><${Button} kind="primary" onClick=${close}>${t("common.close")}<//></footer>
  <//>`;
}
