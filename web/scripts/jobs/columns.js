// The columns of the table. Those of hyperparameters ("spec.…") are made of what the rows have.
import { html } from "../dom.js";
import { DASH, dateTime, duration, hasText, loss, number, percent, short, t, toNumber } from "../text.js";
import { Time } from "../components/basics.js";
import { Ticking } from "./clock.js";
import { Curve } from "./curves.js";
import { Best, Name, Progress, State } from "./cells.js";
import { fieldPath, hasNames } from "../compare/fields.js";
import { STATUSES, nameOf, seconds } from "./words.js";

// Each: key; the least width in pixels; `share` of the width that is left; value(row) to sort by; cell(row); `numeric`; `live`,
// whether it changes while a job runs; `user`: users or others wrote its text; describe(row): more, for who points at it.
const column = (key, width, value, cell, more = {}) => ({ key, width, share: width / 140, value, cell, ...more });

const time = (key) => column(key, 92, (row) => row[key], (row) => html`<${Time} at=${row[key]} />`, { late: true });
const metric = (key, format, width = 92) =>
  column(key, width, (row) => toNumber(row.latest?.[key] ?? null), (row) => (row.latest ? format(row.latest[key]) : ""), { numeric: true, live: true, least: key.endsWith("loss") });

const lower = (value) => value?.toLocaleLowerCase() ?? null;

const COLUMNS = [
  column("name", 176, (row) => lower(nameOf(row)), (row) => html`<${Name} row=${row} />`, { share: 3.5 }),
  column("status", 108, (row) => STATUSES.indexOf(row.status), (row) => html`<${State} row=${row} />`, { live: true }),
  column("progress", 130, (row) => row.percent, (row) => html`<${Progress} row=${row} />`, {
    live: true, late: true, describe: (row) => row.estimated_finish && t("jobs.ready_at", { time: dateTime(row.estimated_finish) }),
  }),
  column("dataset", 112, (row) => lower(row.dataset), (row) => row.dataset, { user: true }),
  column("architecture", 116, (row) => lower(row.architecture), (row) => row.architecture ?? DASH, { user: true }),
  column("best", 98, (row) => toNumber(row.best?.accuracy ?? null), (row) => html`<${Best} row=${row} />`, {
    numeric: true, live: true, describe: (row) => row.best && t("jobs.best_of", { epoch: row.best.epoch, split: t(`jobs.split_${row.best.chosen_on}`) }),
  }),
  metric("train_loss", loss, 88),
  metric("test_loss", loss, 88),
  column("curve", 88, null, (row) => html`<${Curve} row=${row} />`),
  column("duration", 80, (row) => seconds(row, Date.now()), (row) => html`<${Ticking} row=${row} />`, { numeric: true, live: true, describe: (row) => row.finished_at && duration(seconds(row)) }),
  { ...time("started_at"), key: "started" },
  metric("train_accuracy", percent),
  metric("test_accuracy", percent),
  metric("learning_rate", short),
  metric("images_per_second", number),
  column("tags", 160, (row) => lower(row.tags.join(" ")) || null, (row) => row.tags.join(", "), { user: true }),
  column("device", 140, (row) => lower(row.device), (row) => row.device ?? "", { user: true }),
  column("priority", 76, (row) => row.priority, (row) => number(row.priority), { numeric: true }),
  time("created_at"),
  time("finished_at"),
  { ...time("estimated_finish"), live: true },
];
const BY_KEY = new Map(COLUMNS.map((each) => [each.key, each]));

export const DEFAULT = ["name", "status", "progress", "dataset", "architecture", "best", "train_loss", "test_loss", "curve", "duration", "started"];
export const GENERAL = COLUMNS.map((each) => each.key);

function written(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "boolean") return t(value ? "jobs.yes" : "jobs.no");
  return typeof value === "number" ? short(value) : String(value);
}

function sortable(value) {
  const n = typeof value === "string" ? Number(value) : value; // "Infinity"
  if (value === undefined || typeof value === "boolean") return value === undefined ? null : Number(value);
  return Number.isNaN(n) ? lower(value) : n;
}

const made = new Map();

function ofSpec(key) {
  const path = key.slice(5);
  return column(key, Math.min(220, 28 + 7 * path.length), (row) => sortable(row.spec[path]), (row) => written(row.spec[path]), { user: true });
}

// The column of a key, or undefined: an address may hold anything.
export function columnOf(key) {
  if (!key.startsWith("spec.")) return BY_KEY.get(key);
  if (!made.has(key)) made.set(key, ofSpec(key));
  return made.get(key);
}

// Its heading. A hyperparameter is called as in the spec, or as its field in the form where the language has names.
export const heading = (key) => (key.startsWith("spec.") ? (hasNames() ? fieldPath(key.slice(5)) : key.slice(5)) : hasText(`jobs.column_${key}`) ? t(`jobs.column_${key}`) : key);

// All hyperparameters of these rows that can be columns.
export function hyperparameters(rows) {
  const found = new Set();
  for (const row of rows) for (const path in row.spec) found.add("spec." + path);
  return [...found].sort();
}
