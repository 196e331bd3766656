// Jobs side by side: what the API says of them, and what their curves and numbers are made of. Nothing here draws.
import { toNumber } from "../text.js";

export const MEASURES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"];
export const MOST_JOBS = 10;
export const POINTS = 500; // of each job; every job has its values in all epochs that are chosen of any
export const OVER = new Set(["succeeded", "failed", "cancelled", "stopped"]);

// The letter and the colour by which a job is known on the page, from its place in the address.
export const letter = (n) => "ABCDEFGHIJ"[n];

const known = (value) => value !== null && value !== undefined;
const difference = (value, base) => (known(value) && known(base) ? toNumber(value) - toNumber(base) : null);

// A measure of a job over the comparison's epochs: of a job with repeats the mean over all of them.
export function column(job, measure) {
  return job.spreads ? job.spreads[measure].mean : job.curves[measure];
}

// The same as differences from a baseline, epoch by epoch.
export function columnFrom(job, baseline, measure) {
  const values = column(job, measure);
  if (!baseline) return values;
  const base = column(baseline, measure);
  return values.map((value, at) => difference(value, base[at]));
}

function lastIndex(values) {
  let at = values.length - 1;
  while (at >= 0 && !known(values[at])) at -= 1;
  return at;
}

// What a job measured last: {value, epoch, seeds, spread}, or null. `spread` is half of the mean's interval.
export function lastOf({ epochs }, job, measure) {
  const values = column(job, measure);
  const at = lastIndex(values);
  if (at < 0) return null;
  const found = { value: toNumber(values[at]), epoch: epochs[at], seeds: job.repeats, of: 1, spread: null };
  if (!job.spreads) return found;
  const { count, low, high } = job.spreads[measure];
  return { ...found, of: count[at], spread: known(low[at]) ? (toNumber(high[at]) - toNumber(low[at])) / 2 : null };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// The accuracy of a job's best epoch, on the images that it was chosen on: {value, epoch, split, seeds, of}, or null. With repeats it is the mean of each
// seed's own best epoch.
export function bestOf(job) {
  const { best } = job;
  if (!best) return null;
  const bests = job.seeds?.map((each) => each.best_accuracy).filter(known).map(toNumber) ?? [];
  if (bests.length > 1) return { value: mean(bests), epoch: null, split: best.chosen_on, seeds: job.repeats, of: bests.length };
  const split = best.chosen_on;
  return { value: toNumber(best[`${split}_accuracy`]), epoch: best.epoch, split, seeds: 1, of: 1 };
}

const accuracyOf = (epoch, split) => toNumber(epoch[`${split}_accuracy`]);

// The best epoch after another one was trained: of equal ones the earliest.
function better(best, epoch) {
  const split = best?.chosen_on ?? (known(epoch.validation_accuracy) ? "validation" : "test");
  const value = accuracyOf(epoch, split);
  if (!known(value) || Number.isNaN(value)) return best;
  return best && !(value > accuracyOf(best, split)) ? best : { ...epoch, chosen_on: split };
}

// The comparison with epochs that have come since, each {job_id, metrics}. Jobs with repeats are left as they are: their
// means are computed by the service.
export function withEpochs(comparison, arrived) {
  const places = new Map(comparison.epochs.map((epoch, at) => [epoch, at]));
  const fresh = [...new Set(arrived.map((each) => each.metrics.epoch))].filter((epoch) => !places.has(epoch));
  const epochs = fresh.length ? [...comparison.epochs, ...fresh].sort((a, b) => a - b) : comparison.epochs;
  const from = epochs.map((epoch) => places.get(epoch));
  const at = new Map(epochs.map((epoch, place) => [epoch, place]));
  const spread = (values) => (fresh.length ? from.map((place) => (place === undefined ? null : values[place])) : [...values]);
  const jobs = comparison.jobs.map((job) => {
    const mine = arrived.filter((each) => each.job_id === job.id).map((each) => each.metrics);
    if (!mine.length && !fresh.length) return job;
    const curves = Object.fromEntries(MEASURES.map((name) => [name, spread(job.curves[name])]));
    let { best } = job;
    for (const epoch of mine) {
      for (const name of Object.keys(curves)) curves[name][at.get(epoch.epoch)] = epoch[name];
      best = better(best, epoch);
    }
    const spreads = job.spreads && fresh.length ? spreadOut(job.spreads, from) : job.spreads;
    return { ...job, best, curves, spreads };
  });
  return { ...comparison, epochs, jobs };
}

function spreadOut(spreads, from) {
  const widened = (values, empty) => from.map((place) => (place === undefined ? empty : values[place]));
  return Object.fromEntries(Object.entries(spreads).map(([measure, columns]) => [
    measure, Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, widened(values, name === "count" ? 0 : null)])),
  ]));
}
