// Columns of a job as x and series of charts: over epochs, steps or time.
import { duration, number, percent, short } from "../text.js";

const SPLITS = ["train", "test", "validation"];

export const AXES = ["epoch", "step", "time"];

// Time is counted in the unit that suits the whole.
const UNITS = [[3 * 3600, 3600, "hours"], [300, 60, "minutes"], [0, 1, "seconds"]];
const unitOf = (seconds) => UNITS.find(([least]) => seconds >= least);

// Where each epoch's row stands: {x, of: function of an epoch, unit}.
export function axisOf(columns, kind, stepsPerEpoch) {
  if (kind === "step") {
    const at = (epoch) => (epoch + 1) * stepsPerEpoch;
    return { x: columns.epoch.map(at), of: at };
  }
  if (kind === "time") {
    let sum = 0;
    const seconds = columns.seconds.map((each) => (sum += Number.isFinite(each) ? each : 0));
    const [, size, unit] = unitOf(sum);
    const x = seconds.map((each) => each / size);
    return { x, of: (epoch) => x[Math.min(columns.place(epoch), x.length - 1)], unit, size };
  }
  return { x: columns.epoch, of: (epoch) => epoch };
}

// The lines of "loss" or "accuracy": one a split that was measured.
export function linesOf(columns, measure, names) {
  return SPLITS.filter((split) => columns.has(`${split}_${measure}`)).map((split) => ({
    key: split,
    label: names(split),
    colour: `--series-${split}`,
    values: columns[`${split}_${measure}`],
  }));
}

// Two ascending axes as one, and where the rows of each are in it.
function union(left, right) {
  const x = [];
  const from = [[], []];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const next = Math.min(left[i] ?? Infinity, right[j] ?? Infinity);
    from[0].push(left[i] === next ? i++ : -1);
    from[1].push(right[j] === next ? j++ : -1);
    x.push(next);
  }
  return { x, from };
}

const spread = (values, rows) => rows.map((row) => (row < 0 ? null : values[row]));

// The loss over steps: that of the training as single steps have it, those of the other splits where an epoch ends.
export function stepLoss(columns, steps, stepsPerEpoch, names) {
  const ends = axisOf(columns, "step", stepsPerEpoch).x;
  const { x, from } = union(steps.x, ends);
  const held = linesOf(columns, "loss", names).filter((each) => each.key !== "train");
  const train = { key: "train", label: names("train"), colour: "--series-train", values: spread(steps.loss, from[0]) };
  return { x, series: [train, ...held.map((each) => ({ ...each, values: spread(each.values, from[1]) }))] };
}

// A line on either side of what the last epoch will probably have.
export function forecastLines(forecast, columns, measure, axis) {
  const last = columns.length - 1;
  if (!forecast || last < 0 || forecast.epoch <= columns.epoch[last]) return null;
  const now = columns[measure][last];
  const end = axis.of(forecast.epoch);
  const line = (key) => ({ key, label: key, colour: "--muted", dashed: true, aside: true, width: 1,
    values: [...Array(last).fill(null), now, forecast[key]] });
  return { x: [...axis.x, end], series: [line("low"), line("high")] };
}

export const EXTRA = {
  learning_rate: short,
  gradient_norm: short,
  update_ratio: short,
  dead_units: (value) => percent(value, 1),
  images_per_second: (value) => number(value),
  loading_share: (value) => percent(value, 1),
  seconds: (value) => duration(value),
  device_memory_bytes: (value) => (value === null ? "–" : `${number(value / 2 ** 20)} MiB`),
};

// Epochs as stretches: [3, 4, 5, 9] as [[3, 5], [9, 9]].
export function stretches(epochs) {
  const found = [];
  for (const epoch of [...epochs].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last && epoch - last[1] <= 1) last[1] = epoch;
    else found.push([epoch, epoch]);
  }
  return found;
}
