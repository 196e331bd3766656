// Cells of the table that have parts of their own.
import { html } from "../dom.js";
import { Link } from "../router.js";
import { number, percent, t } from "../text.js";
import { Progress as Bar, Status } from "../components/basics.js";
import { ended, nameOf, word } from "./words.js";

export function Name({ row }) {
  return html`<${Link} to=${`/jobs/${row.id}`} class="jobs-name user-text" dir="auto" tabindex="-1">${nameOf(row)}<//>
    ${row.repeats > 1 && html`<${Link} to=${`/jobs?parent=${row.id}`} class="jobs-times" tabindex="-1" title=${t("jobs.repeats_hint")}
      aria-label=${t("jobs.repeats", { n: row.repeats })}>×${row.repeats}<//>`}
    ${row.tags.length > 0 && html`<span class="jobs-tags user-text" dir="auto">${row.tags.join(", ")}</span>`}`;
}

// The accuracy of the best epoch, and of which images it is.
export const Best = ({ row }) => row.best && html`${percent(row.best.accuracy)} <small class="jobs-split">${t(`jobs.on_${row.best.chosen_on}`)}</small>`;

// The status, or what it is about to be.
export const State = ({ row }) => html`<${Status} status=${row.status} word=${row.requested ? t(`common.requested_${row.requested}`) : undefined} />`;

// What matters now: how far it is; why it waits; why it failed.
export function Progress({ row }) {
  if (row.status === "queued" && row.queue_code && !row.latest) {
    return html`<span class=${`jobs-why ${STUCK.has(row.queue_code) ? "jobs-why-warn" : ""}`}>${word("queue", row.queue_code)}</span>`;
  }
  if (row.status === "failed" && row.error_code) return html`<span class="jobs-why jobs-why-bad">${word("error", row.error_code)}</span>`;
  const done = row.latest ? row.latest.epoch + 1 : 0;
  const epochs = html`<span class="jobs-epochs">${number(done)} / ${number(row.epochs)}</span>`;
  if (ended(row)) return epochs;
  return html`<span class="jobs-progress"><${Bar} value=${row.percent / 100} label=${nameOf(row)} />${epochs}</span>`;
}

const STUCK = new Set(["no_worker", "no_such_device", "quota_reached", "unknown_spec"]);
