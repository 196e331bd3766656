// Loss and accuracy of the compared jobs: test solid, train dashed.
import { html, useMemo } from "../dom.js";
import { signal, useSignal } from "../store.js";
import { DASH, loss, number, percent, t, toNumber } from "../text.js";
import { Chart } from "../charts/chart.js";
import { tickLoss, tickPercent } from "../charts/ticks.js";
import { colourName } from "../charts/colours.js";
import { column, columnFrom, letter } from "./model.js";
import { Badge, axisDifference, barePoints, lossDifference, points } from "./parts.js";

const KINDS = ["loss", "accuracy"];
const FORMATS = { loss, accuracy: (value) => percent(value, 1) };
const TICKS = { loss: tickLoss, accuracy: tickPercent };
const FROM = { loss: lossDifference, accuracy: points };
const AXIS_FROM = { loss: axisDifference(1), accuracy: axisDifference(100) };

const numbers = (values) => values.map((value) => (value === null ? null : toNumber(value)));

// The lines of one chart; of jobs with repeats, the interval of the mean as two more that bound an area.
function linesOf(comparison, ids, baseline, kind, splits) {
  const series = [];
  const areas = [];
  for (const job of comparison.jobs) {
    const at = ids.indexOf(job.id);
    for (const split of splits) {
      const measure = `${split}_${kind}`;
      const own = { job: job.id, split, at, colour: colourName(at) };
      const key = `${job.id} ${split}`;
      const last = split === splits.at(-1);
      series.push({ ...own, key, label: `${letter(at)} ${t(`compare.${split}`)}`, values: numbers(columnFrom(job, baseline, measure)), dashed: split === "train", tag: last ? letter(at) : null });
      if (baseline || !job.spreads || !last) continue;
      for (const end of ["low", "high"]) series.push({ ...own, key: `${key} ${end}`, aside: true, width: 0, values: numbers(job.spreads[measure][end]) });
      areas.push({ low: `${key} low`, high: `${key} high`, colour: own.colour });
    }
  }
  return { series, areas };
}

const lastKnown = (values) => values.findLast((value) => value !== null && value !== undefined) ?? null;

// The values of every job under the cursor; without one, the last. Each job has a place of its own, so that nothing moves.
function Values({ cursor, epochs, series, format, hidden, splits, baseline }) {
  const at = useSignal(cursor);
  const here = at !== null && at < epochs.length;
  const shown = series.filter((each) => !each.aside && !hidden.has(each.job));
  const groups = [...new Set(shown.map((each) => each.at))].map((n) => shown.filter((each) => each.at === n));
  const value = (each) => format(here ? each.values[at] ?? null : lastKnown(each.values));
  return html`<div class="compare-values" aria-hidden="true">
    <span class="compare-values-epoch">${here ? t("compare.epoch", { n: number(epochs[at]) }) : t(baseline ? "compare.last_common" : "compare.last")}</span>
    ${groups.map((group) => html`<span class="compare-value" key=${group[0].at}><${Badge} at=${group[0].at} />
      ${[...group].reverse().map((each) => html`<span class=${each.split === "train" && splits.length > 1 ? "muted" : ""}>${value(each)}</span>`)}</span>`)}
  </div>`;
}

// A difference ends where the baseline does: so much of the comparison.
function within(comparison, baseline) {
  if (!baseline) return comparison;
  const ends = ["train_loss", "test_loss"].map((measure) => column(baseline, measure).findLastIndex((value) => value !== null));
  const length = Math.max(...ends) + 1;
  const cut = (columns) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(0, length)]));
  const jobs = comparison.jobs.map((job) => ({ ...job, curves: cut(job.curves), spreads: job.spreads && Object.fromEntries(Object.entries(job.spreads).map(([name, columns]) => [name, cut(columns)])) }));
  return { ...comparison, epochs: comparison.epochs.slice(0, length), jobs };
}

export function Charts({ comparison: whole, baseline: from, ids, hidden, splits, smoothing, log, zoom, setZoom, height }) {
  const cursor = useMemo(() => signal(null), []);
  const comparison = useMemo(() => within(whole, from), [whole, from]);
  const baseline = from && comparison.jobs.find((job) => job.id === from.id);
  const lines = useMemo(() => Object.fromEntries(KINDS.map((kind) => [kind, linesOf(comparison, ids, baseline, kind, splits)])),
    [comparison, ids.join(), baseline, splits.join(), t("compare.test")]);
  const hiddenLines = useMemo(() => new Set(lines.loss.series.filter((each) => hidden.has(each.job)).map((each) => each.key)), [lines, [...hidden].join()]);
  return html`<div class="compare-charts">${KINDS.map((kind) => {
    const format = (baseline ? FROM : FORMATS)[kind];
    const title = baseline ? t(`compare.${kind}_from`, { letter: letter(ids.indexOf(baseline.id)) }) : t(`compare.${kind}`);
    return html`<div class="compare-chart" key=${kind}>
      <${Values} ...${{ cursor, epochs: comparison.epochs, series: lines[kind].series, format: (value) => (value === null ? DASH : (baseline && kind === "accuracy" ? barePoints : format)(value)), hidden, splits, baseline }} />
      <${Chart} title=${title} x=${comparison.epochs} series=${lines[kind].series} areas=${lines[kind].areas} format=${format}
        formatTick=${baseline ? AXIS_FROM[kind] : TICKS[kind]} height=${height} log=${log && kind === "loss" && !baseline}
        smoothing=${smoothing} zoom=${zoom} onZoom=${setZoom} sync="compare" cursor=${cursor} hidden=${hiddenLines} readout=${false} />
    </div>`;
  })}</div>`;
}
