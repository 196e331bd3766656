// Curves of the rows that are in view: read for many jobs at once, continued by what the rows say, and forgotten when
// many others have been seen since.
import { html, useLayoutEffect, useReducer } from "../dom.js";
import { get } from "../api.js";
import { debounce } from "../store.js";
import { t, toNumber } from "../text.js";
import { row as rowOf } from "../jobs_store.js";

const POINTS = 40;
const LONGEST = 160; // then every second one goes
const MISSED = 8; // so many epochs at once were not told: they are read
const COLUMNS = ["epoch", "train", "test"];
const KEPT = 400;
const BATCH = 100;

const curves = new Map(); // id → {epoch, train, test, readAt, isOld}, those read last at the end
const readers = new Map(); // id → functions that draw it
let underWay = false;
let again = null;

const missed = new Set(); // jobs of which epochs were not told
const readMissed = debounce(() => {
  wantCurves([...missed]);
  missed.clear();
}, 300);

const thinned = (values) => values.filter((_, at) => at % 2 === 0);

// A curve that goes on as the row does. Undefined where it is not read yet.
function continued(row) {
  const curve = curves.get(row.id);
  if (!curve || !row.latest) return curve;
  const { epoch, train_loss, test_loss } = row.latest;
  while (curve.epoch.length && curve.epoch.at(-1) >= epoch) COLUMNS.forEach((name) => curve[name].pop()); // trained again
  if (epoch - Math.max(curve.readAt, curve.epoch.at(-1) ?? -1) > MISSED) {
    curve.isOld = true;
    missed.add(row.id);
    readMissed();
  }
  curve.epoch.push(epoch);
  curve.train.push(toNumber(train_loss));
  curve.test.push(toNumber(test_loss));
  if (curve.epoch.length > LONGEST) COLUMNS.forEach((name) => (curve[name] = thinned(curve[name])));
  return curve;
}

function isWhole(row) {
  const curve = curves.get(row.id);
  return curve ? !curve.isOld : !row.latest;
}

function keep({ job_id: id, epoch, train_loss: train, test_loss: test }) {
  curves.delete(id);
  const readAt = rowOf(id)?.latest?.epoch ?? -1; // what it lacks up to there, the service lacks
  curves.set(id, { epoch, train: train.map(toNumber), test: test.map(toNumber), readAt });
  if (curves.size > KEPT) curves.delete(curves.keys().next().value);
  readers.get(id)?.forEach((draw) => draw());
}

// Read the curves of these rows, where they are not there yet. Calls meanwhile wait: the last one counts.
export async function wantCurves(ids) {
  again = ids;
  if (underWay) return;
  underWay = true;
  try {
    while (again) {
      const missing = again.map(rowOf).filter((row) => row && !isWhole(row)).map((row) => row.id).slice(0, BATCH);
      again = null;
      if (missing.length) (await get("/v1/curves", { job: missing, max_points: POINTS })).data.forEach(keep);
    }
  } catch {
    // a table without small curves is still a table; they are asked for again with the next rows
  } finally {
    underWay = false;
  }
}

const WIDTH = 88;
const HEIGHT = 28;

function path(epochs, values, x, y) {
  let drawn = "";
  let pen = "M";
  values.forEach((value, at) => {
    if (value === null) return; // an epoch that was not evaluated
    if (!Number.isFinite(value)) {
      pen = "M";
      return;
    }
    drawn += `${pen}${x(epochs[at])} ${y(value)}`;
    pen = "L";
  });
  return drawn;
}

// Loss, train and test, over all epochs that the job is to have: how far the line is, is how far the job is. The first
// quarter of them takes a quarter of the width at least.
export function Curve({ row }) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  useLayoutEffect(() => {
    const all = readers.get(row.id) ?? readers.set(row.id, new Set()).get(row.id);
    all.add(redraw);
    return () => all.delete(redraw) && all.size === 0 && readers.delete(row.id);
  }, [row.id]);
  const curve = continued(row);
  const known = curve ? [...curve.train, ...curve.test].filter((each) => each !== null && Number.isFinite(each)) : [];
  if (known.length < 2) return null;
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const reached = Math.max(1, curve.epoch.at(-1));
  const last = Math.max(reached, Math.min(row.epochs - 1, 4 * reached));
  const x = (epoch) => ((epoch / last) * WIDTH).toFixed(1);
  const y = (value) => (HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4)).toFixed(1);
  return html`<svg class="sparkline jobs-curve" width=${WIDTH} height=${HEIGHT} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${t("jobs.curve_label")}>
    <path class="jobs-curve-train" d=${path(curve.epoch, curve.train, x, y)} />
    <path class="jobs-curve-test" d=${path(curve.epoch, curve.test, x, y)} />
  </svg>`;
}
