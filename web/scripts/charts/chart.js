// A line chart: uPlot, and around it what uPlot does not have. The keyboard moves the read-out, a screen reader hears
// it, and the same numbers are there as a table.
import { html, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../dom.js";
import { signal, useSignal } from "../store.js";
import { loss, number, percent, t } from "../text.js";
import { Button } from "../components/basics.js";
import { dark } from "./colours.js";
import { Numbers } from "./numbers.js";
import { plotOptions, plotted } from "./plot.js";
import { tickLoss, tickPercent } from "./ticks.js";
import { inTurn } from "./turns.js";
import { loadUPlot } from "./uplot.js";

const plain = (value) => number(value);

const TICKS = new Map([[loss, tickLoss], [percent, tickPercent]]);

// title      what it shows: read aloud, and above the chart; where it is a control, `label` is what is read aloud
// x          ascending numbers; with `time`, seconds since 1970
// series     [{key, label, colour: "--series-test", values: [number or null, NaN too], dashed, format}, …]; with `aside`, a
//            line is drawn but has no name: not in the read-out, not in the table; with `width` 0, it bounds an area,
//            which may be larger than the chart; `tag` is written at the line's end
// areas      [{low: key, high: key, colour}]: what lies between two series is filled
// extent     [from, to]: what is seen of x while it has fewer than two places
// format     how a value is written, e.g. loss or percent; formatX likewise, and formatTick(value, step) on the axis of
//            values, whose ticks are `step` apart
// log        whether the axis of values is logarithmic; values up to 0 are gaps then
// smoothing  weight of the moving average in [0, 1); the raw line stays, faint
// markers    [{x, label, colour}]: lines upright, e.g. the best epoch
// bands      [{from, to, colour}]: shaded stretches, e.g. where a finding has its evidence
// sync       charts with the same key share the cursor
// zoom, onZoom   [from, to] or null, where the zoom is to be shared or kept in the address
// cursor     a signal with the place in x that is under the cursor, where others want to know it
// hidden, onToggle   a Set of keys that are not drawn, and what is called with a key when its name is pressed
export function Chart({ title, label = title, x, series, extent, format = plain, formatTick = TICKS.get(format) ?? ((value) => format(value)), formatX = plain, xLabel, height = 260, time = false, log = false,
  smoothing = 0, markers = [], bands = [], areas = [], sync, zoom = null, onZoom, cursor, hidden, onToggle, readout = true, children }) {
  const holder = useRef();
  const plot = useRef(null);
  const made = useRef(null);
  const shown = useRef({});
  const index = useMemo(() => cursor ?? signal(null), [cursor]);
  const [ownZoom, setOwnZoom] = useState(null);
  const [ready, setReady] = useState(false);
  const [numbers, setNumbers] = useState(false);
  const isDark = useSignal(dark);
  const id = useId();
  const zoomed = onZoom ? zoom : ownZoom;
  const setZoom = onZoom ?? setOwnZoom;
  const drawn = series.filter((each) => !hidden?.has(each.key));
  const named = series.filter((each) => !each.aside);
  shown.current = { x, drawn, areas, markers, bands, setZoom, formatTick, formatX, index, zoomed, extent };

  // What needs another uPlot; everything else is given to the one that is there.
  const structure = JSON.stringify([drawn.map((each) => [each.key, each.colour, each.dashed, each.width, each.tag]), areas, log, smoothing > 0, time, sync, isDark]);
  shown.current.structure = structure;
  useEffect(() => {
    let ended = false;
    let observer;
    loadUPlot().then((uPlot) => {
      if (ended || !holder.current || shown.current.structure !== structure) return;
      const width = () => Math.max(120, holder.current.clientWidth);
      plot.current = new uPlot(plotOptions({ width: width(), height, log, smoothing, time, sync }, shown), plotted(shown.current, log, smoothing), holder.current);
      made.current = structure;
      observer = new ResizeObserver(() => holder.current && plot.current?.setSize({ width: width(), height }));
      observer.observe(holder.current);
      setReady((old) => !old);
    }, () => {});
    return () => {
      ended = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [structure, height]);

  useLayoutEffect(() => {
    const chart = plot.current;
    if (!chart || made.current !== structure) return; // it has other lines, and is about to be made anew
    inTurn(plot, () => {
      if (plot.current !== chart || made.current !== shown.current.structure) return;
      chart.setData(plotted(shown.current, log, smoothing), !zoomed);
      if (zoomed) chart.setScale("x", { min: zoomed[0], max: zoomed[1] });
    });
  }, [x, series, smoothing, zoomed?.[0], zoomed?.[1], extent?.[0], extent?.[1], ready, hidden]);
  useEffect(() => plot.current?.redraw(false, false), [JSON.stringify([markers, bands])]);

  const go = (to) => {
    const at = Math.max(0, Math.min(x.length - 1, to));
    const chart = plot.current;
    if (!chart || !x.length) return;
    if (zoomed && (x[at] < zoomed[0] || x[at] > zoomed[1])) setZoom(null);
    chart.setCursor({ left: chart.valToPos(x[at], "x"), top: chart.bbox.height / 2 / devicePixelRatio });
    index.set(at);
  };
  const keys = (event) => {
    const at = index.value ?? lastPlace(named);
    const step = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: x.length - 1 }[event.key];
    if (event.key === "Escape" && zoomed) setZoom(null);
    if (event.key in ZOOMS && x.length > 1) {
      setZoom(zoomAround(x, x[at], zoomed, ZOOMS[event.key]));
      requestAnimationFrame(() => go(at)); // the read-out stays where it was
    }
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  };
  const known = drawn.some((each) => each.values.some((value) => value !== null && value !== undefined));
  return html`<figure class="chart" aria-labelledby=${`${id}-title`}>
    <div class="chart-head">
      <figcaption class="chart-title" id=${`${id}-title`}>${title}</figcaption>
      <div class="chart-tools">${zoomed && html`<${Button} kind="quiet" onClick=${() => setZoom(null)}>${t("chart.reset_zoom")}<//>`}
        ${children}
        <${Button} kind="quiet" aria-pressed=${numbers} onClick=${() => setNumbers(!numbers)}>${t("chart.numbers")}<//></div>
    </div>
    ${readout && html`<${Readout} ...${{ index, x, series: named, format, formatX, xLabel, hidden, onToggle }} />`}
    <div class="chart-plot" ref=${holder} style=${{ height: `${height}px` }} tabindex="0" role="application" aria-label=${label}
      aria-describedby=${`${id}-help`} onKeyDown=${keys} onFocus=${() => index.value === null && go(lastPlace(named))} onDblClick=${() => setZoom(null)}>
      ${!known && html`<span class="chart-empty">${t("chart.empty")}</span>`}
    </div>
    <p id=${`${id}-help`} class="visually-hidden">${t("chart.help")}</p>
    <${Spoken} ...${{ index, holder, x, series: drawn.filter((each) => !each.aside), format, formatX, xLabel }} />
    ${numbers && html`<${Numbers} ...${{ title: label, x: x.slice(0, lastPlace(named) + 1), series: drawn.filter((each) => !each.aside), format, formatX, xLabel }} />`}
  </figure>`;
}

const isKnown = (value) => value !== null && value !== undefined;
const lastOf = (values) => Math.max(0, values.findLastIndex(isKnown));

// The last place where something is known: what lies ahead, as a forecast does, comes after it.
const lastPlace = (series) => Math.max(0, ...series.map((each) => lastOf(each.values)));

// What the keys make of the stretch that is seen.
const ZOOMS = { "+": 0.5, "=": 0.5, "-": 2 };

// The stretch around `middle`, so many times as long; null where that is all.
function zoomAround(x, middle, zoomed, factor) {
  const [first, last] = [x[0], x.at(-1)];
  const [from, to] = zoomed ?? [first, last];
  const half = (factor * (to - from)) / 2;
  const found = [Math.max(first, middle - half), Math.min(last, middle + half)];
  return found[0] === first && found[1] === last ? null : found;
}

const written = (each, value, format) => (each.format ?? format)(value);

// The values under the cursor; without one, the last known. Each name is also the button that hides its line.
function Readout({ index, x, series, format, formatX, xLabel, hidden, onToggle }) {
  const at = useSignal(index);
  return html`<div class="chart-readout" aria-hidden=${onToggle ? undefined : "true"}>
    <span>${xLabel ?? t("chart.epoch")} <b>${x.length ? formatX(x[at ?? lastPlace(series)]) : ""}</b></span>
    ${series.map((each) => {
      const inside = html`<span class="chart-swatch" style=${{ color: `var(${each.colour})` }}></span><span class="user-text">${each.label}</span>
        <b>${written(each, each.values[at ?? lastOf(each.values)], format)}</b>`;
      if (!onToggle) return html`<span class="chart-key" key=${each.key}>${inside}</span>`;
      return html`<button type="button" class="chart-key" key=${each.key} aria-pressed=${!hidden?.has(each.key)} onClick=${() => onToggle(each.key)}>${inside}</button>`;
    })}
  </div>`;
}

// What a screen reader says when the read-out moves and the chart has the focus.
function Spoken({ index, holder, x, series, format, formatX, xLabel }) {
  const at = useSignal(index);
  const focused = holder.current !== undefined && holder.current === document.activeElement;
  const parts = at === null || !focused ? [] : [
    `${xLabel ?? t("chart.epoch")} ${formatX(x[at])}`,
    ...series.map((each) => `${each.label} ${written(each, each.values[at], format)}`),
  ];
  return html`<p class="visually-hidden" role="status" aria-live="polite">${parts.join(", ")}</p>`;
}
