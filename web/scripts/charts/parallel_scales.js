// Axes of parallel coordinates: where a value stands between 0 (bottom) and 1 (top), and what is written beside it.
import { short, toNumber } from "../text.js";

const isNumber = (value) => typeof value === "number" || value === "NaN" || value === "Infinity" || value === "-Infinity";
const isFinite_ = (value) => isNumber(value) && Number.isFinite(toNumber(value));
const MOST_TICKS = 8;
const WIDE = 50; // a logarithmic axis where the largest value is at least so many times the smallest
const EDGE = 0.06; // room above the highest and below the lowest category

const distinct = (values) => [...new Set(values)];

function niceTicks(low, high) {
  const rough = (high - low) / 6 || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * size).find((each) => each >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high + step / 1e6; n += 1) ticks.push(n * step);
  return ticks;
}

const powers = (low, high) => {
  const ticks = [];
  for (let n = Math.ceil(Math.log10(low) - 1e-9); 10 ** n <= high * 1.000001; n += 1) ticks.push(10 ** n);
  return ticks.length > 1 ? ticks : [low, high];
};

function numeric(axis, values) {
  const numbers = values.filter(isFinite_).map(toNumber);
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  const log = axis.log ?? (low > 0 && high / low >= WIDE);
  const place = log ? Math.log10 : (value) => value;
  const span = place(high) - place(low);
  const back = log ? (value) => 10 ** value : (value) => value;
  const steps = distinct(numbers).sort((a, b) => a - b);
  const ticks = steps.length <= MOST_TICKS ? steps : [...new Set([low, ...(log ? powers(low, high) : niceTicks(low, high)), high])];
  const format = axis.format ?? ((value) => short(value, 4));
  return {
    ...axis, kind: log ? "log" : "linear", low, high, steps, format,
    ticks: ticks.map((value) => ({ at: span ? (place(value) - place(low)) / span : 0.5, value, label: format(value) })),
    // what is not finite, or not positive on a logarithmic axis, has no place: it is drawn where missing values are
    at: (value) => (!isFinite_(value) || (log && toNumber(value) <= 0) ? null : span ? (place(toNumber(value)) - place(low)) / span : 0.5),
    number: (value) => (isFinite_(value) ? toNumber(value) : null),
    from: (at) => (span ? back(place(low) + at * span) : low),
  };
}

function categorical(axis, values, words) {
  const known = distinct(values.filter((value) => value !== undefined).map((value) => words(value)));
  const spot = (n) => (known.length < 2 ? 0.5 : EDGE + (1 - 2 * EDGE) * (n / (known.length - 1)));
  return {
    ...axis, kind: "category", low: 0, high: known.length - 1, steps: known.map((_, n) => n), format: (n) => known[Math.round(n)] ?? "",
    ticks: known.map((label, n) => ({ at: spot(n), value: n, label })),
    at: (value) => (value === undefined ? null : spot(known.indexOf(words(value)))),
    number: (value) => (value === undefined ? null : known.indexOf(words(value))),
    from: (at) => (known.length < 2 ? 0 : Math.min(known.length - 1, Math.max(0, ((at - EDGE) / (1 - 2 * EDGE)) * (known.length - 1)))),
  };
}

// A row's value on an axis; undefined where it has none. That nothing is set (null) is a value of a hyperparameter.
export const valueOn = (axis, row) => (axis.objective ? row.values[axis.key] ?? undefined : row.values[axis.key]);

// `axis`: {key, label, part, log, format}. `words` writes a value that is no number.
export function axisOf(axis, rows, words) {
  const values = rows.map((row) => valueOn(axis, row)).filter((value) => value !== undefined);
  if (values.every(isNumber) && values.some(isFinite_)) return numeric(axis, values);
  return axis.objective ? { ...numeric(axis, [0, 1]), ticks: [] } : categorical(axis, values, words); // nothing is measured yet
}

// Brushes in an address: "optimizer.learning_rate~0.001~0.1".
export const readBrushes = (texts) => new Map(texts.flatMap((text) => {
  const [key, low, high] = text.split("~");
  const range = [Number(low), Number(high)];
  return key && range.every(Number.isFinite) ? [[key, range]] : [];
}));

export const writeBrushes = (brushes) => [...brushes].map(([key, [low, high]]) => `${key}~${Number(low.toPrecision(4))}~${Number(high.toPrecision(4))}`);

// Whether a row lies within every brush. What has no value on an axis lies outside of its brush.
export function isWithin(row, axes, brushes) {
  return axes.every((axis) => {
    const range = brushes.get(axis.key);
    if (!range) return true;
    const value = axis.number(valueOn(axis, row));
    const slack = Math.abs(range[1] - range[0]) * 1e-3 + Math.abs(range[1]) * 1e-4; // addresses have four digits
    return value !== null && value >= range[0] - slack && value <= range[1] + slack;
  });
}
