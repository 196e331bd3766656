// What an event of the stream changes in a job's row.
import { toNumber } from "../text.js";

const LATEST = ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "images_per_second"];

// The best epoch of a row after an epoch with these metrics: the first one with the highest accuracy.
function best(row, metrics) {
  const chosenOn = metrics.validation_accuracy === null || metrics.validation_accuracy === undefined ? "test" : "validation";
  const accuracy = metrics[`${chosenOn}_accuracy`];
  if (accuracy === null || accuracy === undefined) return row.best;
  if (row.best && !(toNumber(accuracy) > toNumber(row.best.accuracy))) return row.best;
  return { epoch: metrics.epoch, accuracy, chosen_on: chosenOn };
}

function afterEpoch(row, metrics) {
  const latest = Object.fromEntries(LATEST.map((name) => [name, metrics[name] ?? null]));
  const percent = Math.max(row.percent, (100 * (metrics.epoch + 1)) / row.epochs);
  return { ...row, latest, best: best(row, metrics), epoch: metrics.epoch, percent: Math.min(100, percent) };
}

function afterProgress(row, { status, requested, progress, queue }) {
  const next = { status, requested, queue_code: queue?.code ?? null };
  for (const name of ["epoch", "percent", "estimated_finish"]) next[name] = progress[name];
  return Object.keys(next).some((name) => next[name] !== row[name]) ? { ...row, ...next } : row;
}

// The row after an event; the same object where it changes nothing; null where the job is deleted.
export function applied(row, { type, data }) {
  if (type === "deleted") return null;
  if (type === "progress") return afterProgress(row, data);
  if ((type === "epoch" || type === "epoch_revised") && data.metrics) return afterEpoch(row, data.metrics);
  return row;
}

// Whether the row has to be read again: the event says that something has changed, and not what.
export function outdates(before, after, { type }) {
  if (type === "epoch") return false;
  if (type === "progress") return before === after || before.status !== after.status;
  return true;
}

const OFTEN = 60_000; // milliseconds
const ENDS = new Set(["deleted", "succeeded", "failed", "cancelled", "stopped"]);

// Messages about a job that is under way do not say whether its name or its tags have changed as well: its row is read
// again once a minute.
export class Looks {
  #last = new Map(); // id → when it was read for this

  isDue(id, { type, data }) {
    if (ENDS.has(type) || ENDS.has(data.status)) this.#last.delete(id);
    if (type !== "progress" || ENDS.has(data.status)) return false;
    const now = Date.now();
    const last = this.#last.get(id);
    const due = last !== undefined && now - last > OFTEN;
    if (due || last === undefined) this.#last.set(id, now);
    return due;
  }

  clear() {
    this.#last.clear();
  }
}
