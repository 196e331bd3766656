// A comparison that is kept up while its jobs run.
import { useCallback, useEffect, useMemo, useRef, useState } from "../dom.js";
import { get } from "../api.js";
import * as live from "../live.js";
import { throttle } from "../store.js";
import { MOST_JOBS, OVER, POINTS, withEpochs } from "./model.js";

const DRAWN_EVERY = 1000; // milliseconds, at most
const READ_EVERY = 4000;

// The baseline comes first: the API says of each of the others whether it differs from the first. A single job is compared
// with nothing, so that it is read by itself.
async function read(ids, baseline, signal) {
  const asked = [...new Set([baseline, ...ids].filter((id) => ids.includes(id)))].slice(0, MOST_JOBS);
  const found = await get("/v1/compare", { job: asked, max_points: POINTS }, { signal });
  const repeated = found.jobs.filter((job) => job.repeats > 1);
  const details = await Promise.all(repeated.map((job) => get(`/v1/jobs/${job.id}/repeats`, { max_points: 20 }, { signal })));
  const seeds = new Map(repeated.map((job, at) => [job.id, details[at].jobs]));
  const jobs = ids.map((id) => found.jobs.find((job) => job.id === id)).filter(Boolean);
  return { ...found, jobs: jobs.map((job) => ({ ...job, seeds: seeds.get(job.id) ?? null })) };
}

// {comparison, problem, loading, reload} of two to ten jobs.
export function useComparison(ids, baseline) {
  const [state, setState] = useState({ comparison: null, problem: null, loading: true });
  const [round, setRound] = useState(0);
  const current = useRef(null);
  const asked = JSON.stringify([ids, baseline]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    if (ids.length < 2) return setState({ comparison: null, problem: null, loading: false });
    const abort = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    read(ids, baseline, abort.signal).then(
      (comparison) => {
        if (abort.signal.aborted) return;
        current.current = comparison;
        setState({ comparison, problem: null, loading: false });
      },
      (problem) => abort.signal.aborted || setState((old) => ({ ...old, problem, loading: false })),
    );
    return () => abort.abort();
  }, [asked, round]);
  useEvents(current, setState, reload);
  // What is shown while others are read: those of the old ones that are still wanted.
  const comparison = useMemo(() => state.comparison && shownOf(state.comparison, ids), [state.comparison, asked]);
  return { ...state, comparison, reload };
}

const shownOf = (comparison, ids) => ({
  ...comparison,
  jobs: ids.map((id) => comparison.jobs.find((job) => job.id === id)).filter(Boolean),
});

function useEvents(current, setState, reload) {
  useEffect(() => {
    let arrived = [];
    const draw = throttle(() => {
      if (!current.current || !arrived.length) return;
      current.current = withEpochs(current.current, arrived);
      arrived = [];
      setState((old) => ({ ...old, comparison: current.current }));
      if (current.current.epochs.length > 3 * POINTS) readAgain(); // the service thins what has grown
    }, DRAWN_EVERY);
    const readAgain = throttle(reload, READ_EVERY);
    const end = live.subscribe(({ type, data }) => {
      const comparison = current.current;
      if (!comparison) return;
      if (type === "resync") return readAgain();
      const job = comparison.jobs.find((each) => each.id === data.job_id);
      const repeat = comparison.jobs.some((each) => each.seeds?.some((seed) => seed.id === data.job_id));
      if (type === "epoch" && job && !repeat) {
        arrived.push(data);
        draw();
      } else if ((job || repeat) && (type !== "progress" || changes(job, data))) readAgain();
    });
    return () => {
      end();
      draw.cancel();
      readAgain.cancel();
    };
  }, []);
}

const changes = (job, data) => Boolean(job) && job.status !== data.status;

export const isLive = (job) => !OVER.has(job.status);
