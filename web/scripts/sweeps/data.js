// A sweep and its jobs, kept up while they run.
import { useCallback, useEffect, useRef, useState } from "../dom.js";
import { get } from "../api.js";
import * as live from "../live.js";
import { throttle } from "../store.js";
import { toNumber } from "../text.js";

export const SWEEP_OVER = new Set(["succeeded", "failed", "cancelled", "stopped", "deleted"]);
export const COLUMNS = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"];
const POINTS = 120; // of a curve
const DRAWN_EVERY = 1000; // milliseconds, at most
const READ_EVERY = 4000;

// The accuracy of a trial's best epoch, of the split that it is chosen on; null before the first.
export const accuracyOf = (epoch) => (epoch ? toNumber(epoch.validation_accuracy ?? epoch.test_accuracy ?? null) : null);

async function read(id, signal) {
  const sweep = await get(`/v1/sweeps/${id}`, {}, { signal });
  const ids = sweep.trials.filter((trial) => trial.url).map((trial) => trial.job_id);
  const [jobs, curves] = await Promise.all([
    get("/v1/job-summaries", { parent: id, limit: 200 }, { signal }),
    ids.length ? get("/v1/curves", { job: ids.slice(0, 100), max_points: POINTS }, { signal }) : { data: [] },
  ]);
  return { sweep, jobs: new Map(jobs.data.map((job) => [job.id, job])), curves: new Map(curves.data.map((each) => [each.job_id, each])) };
}

// A curve with another epoch: {epoch: [], train_loss: [], …}.
function withEpoch(curve, jobId, metrics) {
  const old = curve ?? { job_id: jobId, epoch: [], ...Object.fromEntries(COLUMNS.map((name) => [name, []])) };
  const place = old.epoch.findIndex((epoch) => epoch >= metrics.epoch);
  const at = place < 0 ? old.epoch.length : place;
  const there = old.epoch[at] === metrics.epoch ? 1 : 0;
  const put = (values, value) => values.toSpliced(at, there, value);
  return { ...old, epoch: put(old.epoch, metrics.epoch), ...Object.fromEntries(COLUMNS.map((name) => [name, put(old[name], metrics[name])])) };
}

function withEvents(state, events) {
  const trials = new Map(state.sweep.trials.map((trial) => [trial.job_id, trial]));
  const jobs = new Map(state.jobs);
  const curves = new Map(state.curves);
  for (const { type, data } of events) {
    const trial = trials.get(data.job_id);
    if (!trial) continue;
    if (type === "epoch") {
      const best = accuracyOf(data.metrics) > (accuracyOf(trial.best) ?? -1) ? data.metrics : trial.best;
      trials.set(trial.job_id, { ...trial, latest: data.metrics, best });
      curves.set(trial.job_id, withEpoch(curves.get(trial.job_id), trial.job_id, data.metrics));
    } else if (type === "progress") {
      trials.set(trial.job_id, { ...trial, status: data.status });
      const job = jobs.get(trial.job_id);
      if (job) jobs.set(trial.job_id, { ...job, status: data.status, epoch: data.progress.epoch, percent: data.progress.percent });
    }
  }
  return { ...state, jobs, curves, sweep: { ...state.sweep, trials: state.sweep.trials.map((trial) => trials.get(trial.job_id)) } };
}

// What the stream says of the sweep's jobs.
function useEvents(current, setState, reload) {
  useEffect(() => {
    let events = [];
    const draw = throttle(() => {
      if (current.current) current.current = withEvents(current.current, events);
      events = [];
      setState((old) => ({ ...old, ...current.current }));
    }, DRAWN_EVERY);
    const readAgain = throttle(reload, READ_EVERY);
    const end = live.subscribe(({ type, data }) => {
      if (!current.current) return;
      if (type === "resync") return readAgain();
      const mine = current.current.jobs.has(data.job_id) || current.current.sweep.trials.some((trial) => trial.job_id === data.job_id);
      if (!mine) return;
      events.push({ type, data });
      draw();
      if (type !== "epoch" && (type !== "progress" || statusChanged(current.current, data))) readAgain();
    });
    return () => {
      end();
      draw.cancel();
      readAgain.cancel();
    };
  }, []);
}

const NOTHING = { sweep: null, jobs: new Map(), curves: new Map(), problem: null };

// {sweep, jobs, curves, problem, reload}: `jobs` are summaries and `curves` columns, both by the job's id.
export function useSweep(id) {
  const [state, setState] = useState(NOTHING);
  const [round, setRound] = useState(0);
  const current = useRef(null);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    const abort = new AbortController();
    read(id, abort.signal).then(
      (found) => {
        if (abort.signal.aborted) return;
        current.current = found;
        setState({ ...found, problem: null });
      },
      (problem) => abort.signal.aborted || setState((old) => ({ ...old, problem })),
    );
    return () => abort.abort();
  }, [id, round]);
  useEvents(current, setState, reload);
  return { ...state, reload };
}

const statusChanged = (state, data) => state.jobs.get(data.job_id)?.status !== data.status;

// Seconds until all jobs of a sweep have ended, if they go on as fast as from the first one's start until now; null where
// that cannot be said.
export function secondsLeft({ progress, status }, startedAt, now = Date.now()) {
  if (!startedAt || status !== "running" || progress.percent <= 0 || progress.percent >= 100) return null;
  return ((now - Date.parse(startedAt)) / 1000) * (100 / progress.percent - 1);
}

// From the start of the first job to the end of the last; null while some run.
export function secondsTaken(jobs) {
  const all = [...jobs.values()];
  if (!all.length || all.some((job) => !job.finished_at)) return null;
  const started = all.map((job) => Date.parse(job.started_at ?? job.finished_at));
  return (Math.max(...all.map((job) => Date.parse(job.finished_at))) - Math.min(...started)) / 1000;
}

export const firstStart = (jobs) => [...jobs.values()].map((job) => job.started_at).filter(Boolean).sort()[0] ?? null;
