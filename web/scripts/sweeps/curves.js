// The curves of a sweep's jobs over each other: those that are chosen in their colours, the others faint behind them.
import { html, useMemo } from "../dom.js";
import { signal, useSignal } from "../store.js";
import { DASH, loss, number, percent, t, toNumber } from "../text.js";
import { Chart } from "../charts/chart.js";
import { trialWords } from "./parts.js";

export const MEASURES = ["test_accuracy", "test_loss", "train_accuracy", "train_loss"];

const value = (each) => (each === null || each === undefined ? null : toNumber(each));

// The columns on one axis of epochs: {epochs, series}.
function aligned(trials, curves, chosen, measure) {
  const shown = trials.filter((trial) => curves.get(trial.job_id)?.epoch.length);
  const epochs = [...new Set(shown.flatMap((trial) => curves.get(trial.job_id).epoch))].sort((a, b) => a - b);
  const places = new Map(epochs.map((epoch, at) => [epoch, at]));
  const series = shown.map((trial) => {
    const curve = curves.get(trial.job_id);
    const values = new Array(epochs.length).fill(null);
    curve.epoch.forEach((epoch, at) => (values[places.get(epoch)] = value(curve[measure][at])));
    const colour = chosen.get(trial.job_id);
    return { key: trial.job_id, label: `${trial.number} ${trial.label ?? ""}`.trim(), words: trialWords(trial), number: trial.number, chosen: Boolean(colour), colour: colour ?? "--line-strong",
      values, aside: !colour, width: colour ? 2 : 1, tag: colour ? String(trial.number) : null };
  });
  return { epochs, series: [...series.filter((each) => !each.chosen), ...series.filter((each) => each.chosen)] };
}

function Legend({ cursor, epochs, series, format }) {
  const at = useSignal(cursor);
  const here = at !== null && at < epochs.length;
  const known = (values) => values.findLast((each) => each !== null) ?? null;
  return html`<ul class="sweeps-legend" aria-hidden="true">
    <li class="muted">${here ? t("compare.epoch", { n: number(epochs[at]) }) : t("compare.last")}</li>
    ${series.filter((each) => each.chosen).map((each) => html`<li key=${each.key}><span class="chart-swatch" style=${{ color: `var(${each.colour})` }}></span>
      <span class="muted">${each.number}</span> <b>${((found) => (found === null ? DASH : format(found)))(here ? each.values[at] : known(each.values))}</b>
      <span class="user-text truncate sweeps-legend-name" title=${each.words}>${each.words}</span></li>`)}</ul>`;
}

export function SweepCurves({ trials, curves, chosen, measure, setMeasure, log, setLog, height = 340 }) {
  const cursor = useMemo(() => signal(null), []);
  const { epochs, series } = useMemo(() => aligned(trials, curves, chosen, measure), [trials, curves, chosen, measure, t("compare.test")]);
  const isLoss = measure.endsWith("loss");
  const format = isLoss ? loss : (each) => percent(each, 1);
  return html`<div class="sweeps-curves">
    <${Chart} title=${t("sweeps.curves")} x=${epochs} series=${series} format=${format} height=${height} readout=${false} cursor=${cursor} log=${log && isLoss}>
      ${isLoss && html`<label class="check small"><input type="checkbox" checked=${log} onChange=${(event) => setLog(event.target.checked)} /> ${t("chart.log")}</label>`}
      <select class="sweeps-measure" aria-label=${t("sweeps.measure")} value=${measure} onChange=${(event) => setMeasure(event.target.value)}>
        ${MEASURES.map((name) => html`<option value=${name}>${t(`compare.${name}`)}</option>`)}</select>
    <//>
    <${Legend} ...${{ cursor, epochs, series, format }} />
  </div>`;
}
