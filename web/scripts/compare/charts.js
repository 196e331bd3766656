// Loss and accuracy of the compared jobs: test solid, train dashed.
import { html, useMemo } from "../dom.js";
import { signal, useSignal } from "../store.js";
import { DASH, loss, number, percent, t, toNumber } from "../text.js";
import { Chart } from "../charts/chart.js";
import { colourName } from "../charts/colours.js";
import { columnFrom, letter } from "./model.js";
import { Badge, axisDifference, lossDifference, nameOf, points } from "./parts.js";

const KINDS = ["loss", "accuracy"];
const FORMATS = { loss, accuracy: (value) => percent(value, 1) };
const FROM = { loss: lossDifference, accuracy: points };
const AXIS_FROM = { loss: axisDifference(1), accuracy: axisDifference(100) };

const numbers = (values) => values.map((value) => (value === null ? null : toNumber(value)));

function seriesOf(comparison, ids, baseline, kind, splits) {
  return comparison.jobs.flatMap((job) => {
    const at = ids.indexOf(job.id);
    return splits.map((split) => {
      const measure = `${split}_${kind}`;
      const spread = !baseline && job.spreads && split === splits.at(-1) ? job.spreads[measure] : null;
      return {
        key: `${job.id} ${split}`, job: job.id, split, at, label: `${letter(at)} ${t(`compare.${split}`)}`, colour: colourName(at),
        values: numbers(columnFrom(job, baseline, measure)), dashed: split === "train", tag: split === splits.at(-1) ? letter(at) : null,
        ...(spread && { low: numbers(spread.low), high: numbers(spread.high) }),
      };
    });
  });
}

const lastKnown = (values) => values.findLast((value) => value !== null && value !== undefined) ?? null;

// The values of every job under the cursor; without one, the last. Each job has a place of its own, so that nothing moves.
function Values({ cursor, epochs, series, format, hidden, splits }) {
  const at = useSignal(cursor);
  const here = at !== null && at < epochs.length;
  const shown = series.filter((each) => !hidden.has(each.job));
  const groups = [...new Set(shown.map((each) => each.at))].map((n) => shown.filter((each) => each.at === n));
  const value = (each) => format(here ? each.values[at] ?? null : lastKnown(each.values));
  return html`<div class="compare-values" aria-hidden="true">
    <span class="compare-values-epoch">${here ? t("compare.epoch", { n: number(epochs[at]) }) : t("compare.last")}</span>
    ${groups.map((group) => html`<span class="compare-value" key=${group[0].at}><${Badge} at=${group[0].at} />
      ${[...group].reverse().map((each) => html`<span class=${each.split === "train" && splits.length > 1 ? "muted" : ""}>${value(each)}</span>`)}</span>`)}
  </div>`;
}

export function Charts({ comparison, ids, baseline, hidden, splits, smoothing, log, zoom, setZoom, height }) {
  const cursor = useMemo(() => signal(null), []);
  const lines = useMemo(() => Object.fromEntries(KINDS.map((kind) => [kind, seriesOf(comparison, ids, baseline, kind, splits)])),
    [comparison, ids.join(), baseline, splits.join(), t("compare.test")]);
  const hiddenLines = useMemo(() => new Set(lines.loss.filter((each) => hidden.has(each.job)).map((each) => each.key)), [lines, [...hidden].join()]);
  return html`<div class="compare-charts">${KINDS.map((kind) => {
    const format = (baseline ? FROM : FORMATS)[kind];
    const title = baseline ? t(`compare.${kind}_from`, { name: `${letter(ids.indexOf(baseline.id))} ${nameOf(baseline)}` }) : t(`compare.${kind}`);
    return html`<div class="compare-chart" key=${kind}>
      <${Values} ...${{ cursor, epochs: comparison.epochs, series: lines[kind], format: (value) => (value === null ? DASH : format(value)), hidden, splits }} />
      <${Chart} title=${title} x=${comparison.epochs} series=${lines[kind]} format=${format}
        formatAxis=${baseline ? AXIS_FROM[kind] : format} height=${height} log=${log && kind === "loss" && !baseline}
        smoothing=${smoothing} zoom=${zoom} onZoom=${setZoom} sync="compare" cursor=${cursor} hidden=${hiddenLines} readout=${false} />
    </div>`;
  })}</div>`;
}
