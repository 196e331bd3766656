// The same spec under several seeds: means with their spread, and each seed.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { get } from "../api.js";
import * as live from "../live.js";
import { Link } from "../router.js";
import { throttle, useSignal } from "../store.js";
import { language, loss, number, percent, t, toNumber } from "../text.js";
import { ErrorPanel, Loading, Status } from "../components/basics.js";
import { Chart } from "../charts/chart.js";
import { Controls, chartHeight, useChoices } from "./curves.js";
import { splitName } from "./facts.js";

const READ_EVERY = 2000;
const POINTS = 500;
const CHANGES = new Set(["epoch", "epoch_revised", "deleted", "resync"]);

// The repeats of a job, read anew when something happens to one of its jobs.
function useRepeats(model) {
  const [state, setState] = useState({ value: null, problem: null });
  const read = useMemo(() => throttle(() => get(`${model.path}/repeats`, { max_points: POINTS }).then((value) => setState({ value, problem: null }), (problem) => setState((old) => ({ ...old, problem }))), READ_EVERY), [model]);
  const ids = (state.value?.jobs ?? []).map((each) => each.id).join();
  useEffect(() => {
    read();
    return read.cancel;
  }, [read]);
  useEffect(() => live.subscribe(({ type, data }) => {
    if (type === "resync" || (ids.includes(data?.job_id) && (CHANGES.has(type) || type !== "progress"))) read();
  }), [ids, read]);
  return { ...state, read };
}

// Mean and spread of a measure as three lines.
function lines(spreads, measure, splits) {
  const found = { series: [], areas: [] };
  for (const split of splits) {
    const spread = spreads[`${split}_${measure}`];
    const mean = spread?.mean.map(toNumber) ?? [];
    if (!mean.some((each) => each !== null)) continue;
    const around = (sign) => mean.map((each, at) => (each === null || spread.deviation[at] === null ? null : each + sign * toNumber(spread.deviation[at])));
    const edge = { colour: `--series-${split}`, aside: true, width: 0 };
    found.series.push(
      { key: split, label: splitName(split), colour: `--series-${split}`, values: mean },
      { ...edge, key: `${split} low`, label: "", values: around(-1) },
      { ...edge, key: `${split} high`, label: "", values: around(1) },
    );
    found.areas.push({ low: `${split} low`, high: `${split} high`, colour: `--series-${split}` });
  }
  return found;
}

// The last epoch that all have measured: [mean, deviation, low, high, count].
function final(spreads, name) {
  const spread = spreads[name];
  const at = spread?.mean.findLastIndex((each) => each !== null) ?? -1;
  if (at < 0) return null;
  return { mean: toNumber(spread.mean[at]), deviation: spread.deviation[at], low: spread.low[at], high: spread.high[at], count: spread.count[at], at };
}

function Summary({ value }) {
  const measures = [["test_accuracy", percent], ["validation_accuracy", percent], ["test_loss", loss]];
  return html`<dl class="job-facts">${measures.map(([name, format]) => {
    const found = final(value.spreads, name);
    if (!found) return null;
    const note = found.deviation === null ? t("job.one_seed") : t("job.spread_note", { deviation: format(found.deviation), low: format(found.low), high: format(found.high) });
    return html`<div class="job-fact" key=${name}><dt>${t(`job.mean_${name}`, { epoch: value.epochs[found.at], n: found.count })}</dt>
      <dd><span class="job-fact-value">${format(found.mean)}</span><span class="job-fact-note">${note}</span></dd></div>`;
  })}</dl>`;
}

function Seeds({ value, current }) {
  return html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("job.seeds")}><table class="table job-seeds">
    <thead><tr><th scope="col" class="num">${t("job.seed")}</th><th scope="col">${t("job.status")}</th><th scope="col" class="num">${t("job.epochs_trained")}</th><th scope="col" class="num">${t("job.best")}</th><th scope="col">${t("job.job")}</th></tr></thead>
    <tbody>${value.jobs.map((each) => html`<tr key=${each.id}><th scope="row" class="num">${each.seed}</th><td><${Status} status=${each.status} /></td>
      <td class="num">${number(each.latest_epoch === null ? 0 : each.latest_epoch + 1)}</td><td class="num">${percent(each.best_accuracy)}</td>
      <td>${each.id === current ? html`<span class="muted">${t("job.this_one")}</span>` : html`<${Link} to=${`/jobs/${each.id}`}><code>${each.id}</code><//>`}</td></tr>`)}</tbody></table></div>`;
}

export default function Repeats({ model, job }) {
  const { value, problem, read } = useRepeats(model);
  const choices = useChoices();
  const shownLanguage = useSignal(language);
  const shown = useMemo(() => value && { accuracy: lines(value.spreads, "accuracy", ["train", "test", "validation"]), loss: lines(value.spreads, "loss", ["train", "test", "validation"]) }, [value, shownLanguage]);
  if (!value) return problem ? html`<${ErrorPanel} problem=${problem} retry=${read} />` : html`<${Loading} />`;
  const shared = { x: value.epochs, sync: `repeats-${job.id}`, zoom: choices.zoom, onZoom: choices.setZoom, smoothing: choices.smoothing, height: chartHeight() };
  return html`<div class="job-repeats">
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${read} />`}
    <${Summary} value=${value} />
    <${Controls} choices=${choices} axes=${["epoch"]} />
    <div class="job-charts">
      <${Chart} title=${t("job.accuracy_mean")} ...${shown.accuracy} format=${percent} ...${shared} />
      <${Chart} title=${t("job.loss_mean")} ...${shown.loss} format=${loss} log=${choices.log} ...${shared} />
    </div>
    <section class="section"><h2>${t("job.seeds")}</h2><${Seeds} value=${value} current=${job.id} /></section>
    <p class="job-under"><${Link} to=${`/compare?${value.jobs.slice(0, 10).map((each) => `job=${each.id}`).join("&")}`}>${t("job.compare_seeds")}<//></p>
  </div>`;
}
