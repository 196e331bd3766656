// What is done with several jobs at once: what it leads to is said before, what did not work is told by name.
import { del, post } from "../api.js";
import { confirm, toast } from "../components/overlays.js";
import { signal } from "../store.js";
import { t } from "../text.js";
import { hide, need, partsOf, reveal } from "../jobs_store.js";
import { ended, nameOf } from "./words.js";

const AT_ONCE = 4;
const UNDOABLE = 20; // as many requests as a page that is left may still send

// For each verb, which jobs it can be done to.
export const VERBS = {
  pause: (row) => !ended(row) && row.status !== "paused" && !row.requested,
  resume: (row) => row.status === "paused" || row.requested === "pause",
  stop: (row) => !ended(row) && row.requested !== "stop" && row.requested !== "cancel",
  cancel: (row) => !ended(row) && row.requested !== "cancel",
  delete: (row) => ended(row),
};

// What did not work: {verb, done, failed: [{row, problem}]}, or null. The view shows it.
export const failures = signal(null);

async function each(rows, act) {
  const waiting = [...rows];
  const failed = [];
  const work = async () => {
    for (let row = waiting.shift(); row; row = waiting.shift()) {
      try {
        await act(row);
      } catch (problem) {
        failed.push({ row, problem });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failed;
}

function tell(verb, rows, failed) {
  const done = rows.length - failed.length;
  if (failed.length) failures.set({ verb, done, failed });
  else if (verb !== "delete") toast(t(`jobs.done_${verb}`, { n: done }));
}

async function send(verb, rows) {
  const failed = await each(rows, (row) => post(`/v1/jobs/${row.id}/${verb}`));
  need(rows.map((row) => row.id));
  tell(verb, rows, failed);
}

// Deletions whose time for undoing is not over. They are sent where the page is left before.
const pending = new Set();

addEventListener("pagehide", () => {
  for (const rows of pending) for (const row of rows) del(`/v1/jobs/${row.id}`, { keepalive: true }).catch(() => {});
  pending.clear();
});

async function sendDeletions(rows, ids) {
  const failed = await each(rows, (row) => del(`/v1/jobs/${row.id}`));
  const gone = new Set(failed.filter(({ problem }) => problem.status === 404));
  if (failed.length) reveal(ids);
  need(ids);
  tell("delete", rows, failed.filter((one) => !gone.has(one)));
}

function remove(rows) {
  const ids = rows.flatMap((row) => [row.id, ...partsOf(row.id).map((part) => part.id)]);
  hide(ids);
  if (rows.length > UNDOABLE) return sendDeletions(rows, ids);
  pending.add(rows);
  return toast(t("jobs.done_delete", { n: rows.length }), {
    undo: () => reveal(ids),
    after(undone) {
      if (pending.delete(rows) && !undone) sendDeletions(rows, ids);
    },
  });
}

// Do it to those of the rows that it can be done to. Resolves with whether it was begun.
export async function perform(verb, chosen) {
  const rows = chosen.filter(VERBS[verb]);
  const asks = verb === "cancel" || verb === "stop" || (verb === "delete" && rows.length > UNDOABLE);
  const left = chosen.length - rows.length;
  const text = [t(`jobs.hint_${verb}`), left ? t("jobs.left_out", { n: left }) : ""].filter(Boolean).join(" ");
  const title = rows.length === 1 ? t(`jobs.ask_one_${verb}`, { name: nameOf(rows[0]) }) : t(`jobs.ask_${verb}`, { n: rows.length });
  if (asks && !(await confirm({ title, text, action: t(`jobs.act_${verb}`, { n: rows.length }), danger: verb !== "stop" }))) return false;
  if (verb === "delete") remove(rows);
  else await send(verb, rows);
  return true;
}
