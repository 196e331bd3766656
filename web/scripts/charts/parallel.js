// Parallel coordinates: a line for each row, an axis for each of its values. Ranges on the axes ("brushes") choose rows.
// With the pointer a range is drawn on an axis; with the keyboard its two ends are sliders.
import { html, classes, useEffect, useId, useMemo, useRef, useState } from "../dom.js";
import { DASH, t } from "../text.js";
import { Button } from "../components/basics.js";
import { axisOf, isWithin, readBrushes, valueOn, writeBrushes } from "./parallel_scales.js";
import { ParallelAxis } from "./parallel_axis.js";
import { ParallelNumbers } from "./parallel_numbers.js";

const TOP = 64;
const BOTTOM = 44;
const NARROWEST = 116; // pixels between two axes
const NEAR = 14;

const smoothstep = (x) => x * x * (3 - 2 * x);

function useWidth(holder) {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(holder.current);
    return () => observer.disconnect();
  }, []);
  return width;
}

// Where everything stands: {width, spacing, x(n), y(at), bottom, incomplete}. Values that a row does not have have a place
// of their own, below the axes.
function layoutOf(axes, rows, available, height) {
  const width = Math.max(available, axes.length * NARROWEST);
  const spacing = width / axes.length;
  const incomplete = rows.some((row) => axes.some((axis) => axis.at(valueOn(axis, row)) === null));
  const bottom = height - (incomplete ? BOTTOM : 20);
  return { width, height, spacing, incomplete, bottom, top: TOP, x: (n) => spacing * (n + 0.5), y: (at) => (at === null ? height - 14 : bottom - at * (bottom - TOP)) };
}

// A row's line through its places on the axes.
function pathOf(place, { x, y, spacing }) {
  const point = (each) => each.toFixed(1);
  const half = spacing / 2;
  return place.map((at, n) => (n === 0 ? `M${point(x(0))} ${point(y(at))}`
    : `C${point(x(n) - half)} ${point(y(place[n - 1]))} ${point(x(n) - half)} ${point(y(at))} ${point(x(n))} ${point(y(at))}`)).join("");
}

// The row, of those that are chosen, whose line is nearest to the pointer; null where none is near.
function nearestRow(event, places, chosen, { spacing, y }) {
  const box = event.currentTarget.getBoundingClientRect();
  const last = places[0]?.length - 1 || 0;
  const left = Math.min(last - 0.001, Math.max(0, (event.clientX - box.left) / spacing - 0.5));
  const n = Math.max(0, Math.floor(left));
  let nearest = null;
  let distance = NEAR;
  places.forEach((place, row) => {
    if (!chosen[row]) return;
    const [from, to] = [y(place[n]), y(place[Math.min(n + 1, last)])];
    const off = Math.abs(from + (to - from) * smoothstep(Math.max(0, left - n)) - (event.clientY - box.top));
    if (off < distance) [nearest, distance] = [row, off];
  });
  return nearest;
}

function Lines({ rows, places, chosen, hovered, layout }) {
  const order = rows.map((_, n) => n).sort((a, b) => chosen[a] - chosen[b] || Boolean(rows[a].strong) - Boolean(rows[b].strong));
  const shown = hovered !== null && rows[hovered];
  return html`<g aria-hidden="true" fill="none">${order.map((n) => html`<path key=${rows[n].id} d=${pathOf(places[n], layout)} style=${{ stroke: rows[n].colour }}
      class=${classes("parallel-line", !chosen[n] && "parallel-line-off", (rows[n].strong || hovered === n) && "parallel-line-strong", hovered !== null && hovered !== n && "parallel-line-behind")} />`)}
    ${shown && html`<path d=${pathOf(places[hovered], layout)} style=${{ stroke: shown.colour }} class="parallel-line parallel-line-strong" />`}
    ${shown && places[hovered].map((at, n) => html`<circle cx=${layout.x(n)} cy=${layout.y(at)} r="4" style=${{ fill: shown.colour }} />`)}</g>`;
}

// title    what it shows
// axes     [{key, label, part, objective, log, format}, …]; the objective is the last one
// rows     [{id, label, colour, strong, values: {key: value}}, …]: up to some hundred
// words    how a value that is no number is written
// brushes, setBrushes   texts such as "optimizer.learning_rate~0.001~0.1", for the address
export function Parallel({ title, axes: given, rows, words, brushes: texts, setBrushes, height = 360 }) {
  const holder = useRef();
  const id = useId();
  const width = useWidth(holder);
  const [pointed, setPointed] = useState(null);
  const [numbers, setNumbers] = useState(false);
  const axes = useMemo(() => given.map((axis) => axisOf(axis, rows, words)), [given, rows, words]);
  const brushes = useMemo(() => readBrushes(texts), [texts.join("\n")]);
  const places = useMemo(() => rows.map((row) => axes.map((axis) => axis.at(valueOn(axis, row)))), [rows, axes]);
  const chosen = useMemo(() => rows.map((row) => isWithin(row, axes, brushes)), [rows, axes, brushes]);
  const layout = layoutOf(axes, rows, width, height);
  const hovered = pointed !== null && pointed < rows.length ? pointed : null;
  const brush = (key, range) => {
    const next = new Map(brushes);
    if (range) next.set(key, range);
    else next.delete(key);
    setBrushes(writeBrushes(next));
  };
  return html`<figure class="parallel" aria-labelledby=${`${id}-title`}>
    <div class="chart-head"><figcaption class="chart-title" id=${`${id}-title`}>${title}</figcaption>
      <div class="chart-tools">${brushes.size > 0 && html`<${Button} kind="quiet" onClick=${() => setBrushes([])}>${t("compare.parallel_all")}<//>`}
        <${Button} kind="quiet" aria-pressed=${numbers} onClick=${() => setNumbers(!numbers)}>${t("chart.numbers")}<//></div></div>
    <p class="parallel-readout"><span role="status">${brushes.size > 0 ? t("compare.parallel_chosen", { n: chosen.filter(Boolean).length, total: rows.length }) : ""}</span>
      ${hovered !== null ? html`<span class="user-text truncate">${rows[hovered].label}: ${axes.map((axis) => told(axis, rows[hovered], words)).join(", ")}</span>`
        : brushes.size === 0 && html`<span class="muted">${t("compare.parallel_help")}</span>`}</p>
    <div class="parallel-holder" ref=${holder}>${width > 0 && axes.length > 0 && html`<svg class="parallel-svg" width=${layout.width} height=${height} viewBox=${`0 0 ${layout.width} ${height}`}
      role="group" aria-labelledby=${`${id}-title`} onPointerMove=${(event) => setPointed(nearestRow(event, places, chosen, layout))} onPointerLeave=${() => setPointed(null)}>
      <${Lines} ...${{ rows, places, chosen, hovered, layout }} />
      ${axes.map((axis, n) => html`<${ParallelAxis} key=${axis.key} axis=${axis} ...${layout} x=${layout.x(n)} range=${brushes.get(axis.key)} brush=${(range) => brush(axis.key, range)} />`)}
    </svg>`}</div>
    ${numbers && html`<${ParallelNumbers} ...${{ title, axes, rows: rows.filter((_, n) => chosen[n]), words }} />`}
  </figure>`;
}

function told(axis, row, words) {
  const value = valueOn(axis, row);
  return `${axis.label} ${value === undefined ? DASH : axis.kind === "category" ? words(value) : axis.format(value)}`;
}
