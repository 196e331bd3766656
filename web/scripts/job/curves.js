// The live curves: accuracy, loss, and below them the learning rate or another measure. All choices are in the address.
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../dom.js";
import { get } from "../api.js";
import { useQuery } from "../router.js";
import { debounce, throttle, useSignal } from "../store.js";
import { language, loss, number, percent, t, toNumber } from "../text.js";
import { Chart } from "../charts/chart.js";
import { splitName } from "./facts.js";
import { AXES, EXTRA, axisOf, forecastLines, linesOf, stepLoss } from "./series.js";

const STEP_POINTS = 1500;
const READ_STEPS_EVERY = 3000; // milliseconds

// The steps of a job as columns, read while they are shown, and read anew when epochs are added.
function useSteps(model, shown, version, stepsPerEpoch) {
  const [steps, setSteps] = useState({ x: [], loss: [], rate: [] });
  const reader = useRef(null);
  useEffect(() => {
    if (!shown) return undefined;
    const abort = new AbortController();
    reader.current = throttle(async () => {
      try {
        const { data } = await get(`${model.path}/steps`, { max_points: STEP_POINTS }, { signal: abort.signal });
        const perEpoch = model.job.value.progress.steps_per_epoch;
        setSteps({ x: data.map((row) => row.epoch * perEpoch + row.step), loss: data.map((row) => toNumber(row.loss)), rate: data.map((row) => toNumber(row.learning_rate)) });
      } catch {
        // the epochs are drawn all the same, and steps are read again with the next one
      }
    }, READ_STEPS_EVERY);
    return () => {
      abort.abort();
      reader.current.cancel();
    };
  }, [model, shown]);
  useEffect(() => {
    if (shown && stepsPerEpoch) reader.current?.();
  }, [shown, version, stepsPerEpoch]);
  return steps;
}

// A slider moves more often than browsers let an address change.
function useSmoothing(query, change) {
  const [value, setValue] = useState(() => Math.min(0.98, Math.max(0, Number(query.get("smooth")) || 0)));
  const write = useMemo(() => debounce((next) => change({ smooth: next || null }), 250), []);
  useEffect(() => write.cancel, [write]);
  const set = (next) => {
    setValue(next);
    write(next);
  };
  return [value, set];
}

// The choices as the address has them.
export function useChoices() {
  const [query, change] = useQuery();
  const zoomText = query.get("zoom");
  const hideText = query.get("hide") ?? "";
  const zoom = useMemo(() => {
    const found = (zoomText ?? "").split(",").map(Number);
    return found.length === 2 && found.every(Number.isFinite) ? found : null;
  }, [zoomText]);
  const hidden = useMemo(() => new Set(hideText.split(",").filter(Boolean)), [hideText]);
  const toggle = (key) => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    change({ hide: [...next].join(",") });
  };
  const [smoothing, setSmoothing] = useSmoothing(query, change);
  const digits = (value) => Number(value.toPrecision(6));
  return {
    axis: AXES.includes(query.get("x")) ? query.get("x") : "epoch",
    smoothing,
    setSmoothing,
    log: query.get("log") === "1",
    measure: query.get("measure") in EXTRA ? query.get("measure") : "learning_rate",
    zoom,
    hidden,
    toggle,
    setZoom: (range) => change({ zoom: range && range.map(digits).join(",") }),
    change,
  };
}

export function Controls({ choices, axes = AXES }) {
  const { axis, smoothing, setSmoothing, log, change } = choices;
  return html`<div class="job-controls">
    ${axes.length > 1 && html`<div class="job-segments" role="group" aria-label=${t("job.over")}>${axes.map(
      (each) => html`<button type="button" class="job-segment" aria-pressed=${each === axis}
        onClick=${() => change({ x: each === "epoch" ? null : each, zoom: null })}>${t(`job.over_${each}`)}</button>`,
    )}</div>`}
    <label class="job-smoothing">${t("chart.smoothing")}
      <input type="range" min="0" max="0.98" step="0.02" value=${smoothing} onInput=${(event) => setSmoothing(Number(event.target.value))} />
      <output>${smoothing ? number(smoothing, 2) : t("job.off")}</output></label>
    <label class="check"><input type="checkbox" checked=${log} onChange=${(event) => change({ log: event.target.checked ? 1 : null })} /> ${t("job.log_loss")}</label>
  </div>`;
}

// Charts are higher where there is room for it.
export const chartHeight = () => (innerHeight >= 1100 ? 360 : 250);

// The axis's own words: "epoch 12", "step 460", "3.2 min".
function words(axis, unit) {
  if (axis === "time") return { xLabel: t("job.over_time"), formatX: (value) => `${number(value, Number.isInteger(value) ? 0 : 2)} ${t(`common.${unit}`)}` };
  return { xLabel: axis === "step" ? t("job.step") : t("chart.epoch"), formatX: (value) => number(value) };
}

function useLines(model, job, choices, forecast) {
  const { columns, version, complete } = useSignal(model.curves);
  const shownLanguage = useSignal(language);
  const stepsPerEpoch = job.progress.steps_per_epoch;
  const kind = choices.axis === "step" && !stepsPerEpoch ? "epoch" : choices.axis;
  const steps = useSteps(model, kind === "step", version, stepsPerEpoch);
  const split = job.best?.chosen_on ?? (job.spec.validation_fraction ? "validation" : "test");
  return useMemo(() => {
    const axis = axisOf(columns, kind, stepsPerEpoch);
    const accuracy = { x: axis.x, series: linesOf(columns, "accuracy", splitName), areas: [] };
    const fan = kind !== "time" && forecastLines(forecast, columns, `${split}_accuracy`, axis);
    if (fan) Object.assign(accuracy, { x: fan.x, series: [...accuracy.series, ...fan.series], areas: [{ low: "low", high: "high", colour: `--series-${split}` }] });
    const losses = kind === "step" ? stepLoss(columns, steps, stepsPerEpoch, splitName) : { x: axis.x, series: linesOf(columns, "loss", splitName) };
    const inSteps = kind === "step" && choices.measure === "learning_rate" && steps.x.length > 0;
    const values = inSteps ? steps.rate : columns[choices.measure];
    const extra = { x: inSteps ? steps.x : axis.x, series: [{ key: "extra", label: t(`job.measure_${choices.measure}`), colour: "--series-rate", values }] };
    return { columns, complete, axis, accuracy, losses, extra, kind };
  }, [columns, version, complete, kind, steps, stepsPerEpoch, choices.measure, forecast, shownLanguage, split]);
}

export function Curves({ model, job, bands: findings, forecast }) {
  const choices = useChoices();
  const lines = useLines(model, job, choices, forecast);
  const { axis, columns } = lines;
  const best = job.best?.epoch;
  const markers = useMemo(() => (best === undefined || !columns.length ? [] : [{ x: axis.of(best), label: t("job.best_epoch", { epoch: best }) }]), [best, axis]);
  const bands = useMemo(() => findings.map(({ from, to, colour }) => ({ from: axis.of(from), to: axis.of(Math.min(to, columns.epoch.at(-1) ?? 0)), colour })), [findings, axis]);
  const setZoom = useCallback((range) => choices.setZoom(range), [choices.axis]);
  const shared = { ...words(lines.kind, axis.unit), extent: lines.kind === "epoch" ? [0, job.spec.epochs - 1] : undefined, smoothing: choices.smoothing, sync: `job-${model.id}`, zoom: choices.zoom, onZoom: setZoom, bands, markers };
  const named = { hidden: choices.hidden, onToggle: choices.toggle };
  return html`<section class="job-curves" aria-label=${t("job.tab_curves")}>
    <${Controls} choices=${choices} />
    <div class="job-charts">
      <${Chart} title=${t("job.accuracy")} ...${lines.accuracy} format=${percent} height=${chartHeight()} ...${named} ...${shared} />
      <${Chart} title=${t("job.loss")} ...${lines.losses} format=${loss} log=${choices.log} height=${chartHeight()} ...${named} ...${shared} />
    </div>
    <${Chart} title=${html`<${Measures} choices=${choices} columns=${columns} />`} label=${t(`job.measure_${choices.measure}`)} ...${lines.extra}
      format=${EXTRA[choices.measure]} height=${130} ...${shared} markers=${[]} smoothing=${choices.measure === "learning_rate" ? 0 : choices.smoothing} />
  </section>`;
}

function Measures({ choices, columns }) {
  const known = Object.keys(EXTRA).filter((name) => name === choices.measure || columns.has(name));
  return html`<select class="job-measure" aria-label=${t("job.measure")} value=${choices.measure}
    onChange=${(event) => choices.change({ measure: event.target.value === "learning_rate" ? null : event.target.value })}>
    ${known.map((name) => html`<option value=${name}>${t(`job.measure_${name}`)}</option>`)}</select>`;
}
