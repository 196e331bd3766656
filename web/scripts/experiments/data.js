// Experiments: what the service has, and how long one would take.
import { useEffect, useState } from "../dom.js";
import { get, post } from "../api.js";
import { firstOf } from "../sweeps/grid.js";

// The spec of each trial of a preset.
export const specsOf = (preset, dataset) => preset.trials.map((trial) =>
  firstOf({ dataset: dataset || preset.dataset, ...preset.spec }, Object.fromEntries(Object.entries(trial.values).map(([path, value]) => [path, [value]]))));

export const epochsOf = (preset) => preset.trials.reduce((sum, trial) => sum + (trial.values.epochs ?? preset.spec.epochs ?? 0), 0);

// Sweeps that answered an experiment's question, the newest first, out of the latest hundred.
export async function runsOf(name, signal) {
  const { data } = await get("/v1/sweeps", { limit: 100 }, { signal });
  return name ? data.filter((sweep) => sweep.experiment === name) : data.filter((sweep) => sweep.experiment);
}

// What the service expects of a preset's jobs, one after the other: {seconds, device, problem, loading}. It asks for a dry
// run of each, so that what does not fit is known before anything starts. `seconds` is null where nothing like it has run yet.
export function useEstimate(preset, dataset) {
  const [state, setState] = useState({ loading: true });
  useEffect(() => {
    const abort = new AbortController();
    setState({ loading: true });
    (async () => {
      let seconds = 0;
      let device = null;
      for (const spec of specsOf(preset, dataset)) {
        const run = await post("/v1/jobs?dry_run=true", { spec }, { signal: abort.signal });
        const found = run.devices.find((each) => each.pace);
        seconds = found && seconds !== null ? seconds + found.pace.total_seconds.expected : null;
        device = found?.device ?? device;
      }
      return { seconds, device, problem: null, loading: false };
    })().then(
      (found) => abort.signal.aborted || setState(found),
      (problem) => abort.signal.aborted || setState({ seconds: null, device: null, problem, loading: false }),
    );
    return () => abort.abort();
  }, [JSON.stringify(preset), dataset]);
  return state;
}
