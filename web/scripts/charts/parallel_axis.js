// One axis of parallel coordinates with its range.
import { html, classes, useRef } from "../dom.js";
import { t } from "../text.js";

const LETTER = 6.6; // pixels of a letter, about
const STILL = 5; // pixels that a pointer may move in a click

const cut = (text, width) => {
  const most = Math.max(4, Math.floor(width / LETTER));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};

// Labels that would cover each other are left out; the first and the last stay.
function apart(ticks, height) {
  const kept = [];
  const sorted = [...ticks].sort((a, b) => a.at - b.at);
  for (const [n, tick] of sorted.entries()) {
    const far = kept.length === 0 || (tick.at - kept.at(-1).at) * height >= 14;
    if (far) kept.push(tick);
    else if (n === sorted.length - 1 && kept.length > 1) kept.splice(-1, 1, tick); // it is nearer than one line to the last
  }
  return kept;
}

// One end of the range, as a slider.
function Handle({ axis, end, x, y, value, range, brush }) {
  const { steps } = axis;
  const near = steps.reduce((best, step, n) => (Math.abs(step - value) < Math.abs(steps[best] - value) ? n : best), 0);
  const keys = (event) => {
    if (event.key === "Escape") return brush(null);
    const to = { ArrowUp: near + 1, ArrowRight: near + 1, ArrowDown: near - 1, ArrowLeft: near - 1, PageUp: near + 5, PageDown: near - 5, Home: 0, End: steps.length - 1 }[event.key];
    if (to === undefined) return undefined;
    event.preventDefault();
    const [low, high] = range;
    const wanted = steps[Math.min(steps.length - 1, Math.max(0, to))];
    const next = end === "low" ? [Math.min(wanted, high), high] : [low, Math.max(wanted, low)];
    return brush(next[0] <= axis.low && next[1] >= axis.high ? null : next);
  };
  return html`<g class="parallel-handle" tabindex="0" role="slider" aria-orientation="vertical" aria-label=${t(end === "low" ? "compare.parallel_from" : "compare.parallel_to", { axis: axis.label })}
    aria-valuemin="0" aria-valuemax=${steps.length - 1} aria-valuenow=${near} aria-valuetext=${axis.format(value)} onKeyDown=${keys}>
    <rect x=${x - 9} y=${y - 5} width="18" height="10" fill="transparent" /><path d=${`M${x - 7} ${y}h14`} /></g>`;
}

// Where a range is drawn with the pointer; a click takes it away.
function Grip({ axis, x, top, bottom, brush }) {
  const start = useRef(null);
  const length = bottom - top;
  const valueAt = (event) => {
    const box = event.currentTarget.ownerSVGElement.getBoundingClientRect();
    const at = Math.min(1, Math.max(0, (bottom - (event.clientY - box.top)) / length));
    return [at, axis.from(at)];
  };
  const isStill = (at) => Math.abs(at - start.current[0]) * length < STILL;
  const down = (event) => {
    if (event.button) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    start.current = valueAt(event);
  };
  const drag = (event) => {
    if (!start.current) return;
    const [at, value] = valueAt(event);
    if (isStill(at)) return;
    const ends = [start.current[1], value].sort((a, b) => a - b);
    // of categories, those whose places the range touches
    const [from, to] = axis.kind === "category" ? [Math.ceil(ends[0] - 0.35), Math.floor(ends[1] + 0.35)] : ends;
    if (from <= to) brush([from, to]);
  };
  const up = (event) => {
    if (!start.current) return;
    const still = isStill(valueAt(event)[0]);
    start.current = null;
    if (still) brush(null);
  };
  return html`<rect class="parallel-grip" x=${x - 16} y=${top - 10} width="32" height=${length + 20} onPointerDown=${down} onPointerMove=${drag}
    onPointerUp=${up} onPointerCancel=${() => (start.current = null)} />`;
}

export function ParallelAxis({ axis, x, spacing, top, bottom, height, incomplete, range: given, brush }) {
  const length = bottom - top;
  const y = (at) => bottom - at * length;
  const placeOf = (value) => (axis.kind === "category" ? axis.ticks[Math.round(value)]?.at : axis.at(value)) ?? (value <= axis.low ? 0 : 1);
  const clamp = (value) => Math.min(axis.high, Math.max(axis.low, value));
  const range = given ? given.map(clamp) : [axis.low, axis.high];
  const [low, high] = range.map((value) => y(placeOf(value)));
  const textWidth = spacing - 14;
  return html`<g class=${classes("parallel-axis", given && "parallel-axis-brushed")}>
    <g aria-hidden="true">
      ${axis.part && html`<text class="parallel-part" x=${x} y=${top - 42} text-anchor="middle">${cut(axis.part, textWidth)}</text>`}
      <text class="parallel-name" x=${x} y=${top - 26} text-anchor="middle">${cut(axis.label, textWidth)}<title>${axis.title ?? axis.label}</title></text>
      <line x1=${x} x2=${x} y1=${top} y2=${bottom} />
      ${apart(axis.ticks, length).map((tick) => html`<text key=${tick.label} class="parallel-tick" x=${x + 8} y=${y(tick.at) + 4}>${cut(tick.label, textWidth)}<title>${tick.label}</title></text>`)}
      ${incomplete && html`<text class="parallel-tick" x=${x + 8} y=${height - 10}>–</text>`}
      ${given && html`<rect class="parallel-range" x=${x - 6} width="12" y=${high - 4} height=${Math.max(2, low - high + 8)} rx="3" />`}
    </g>
    <${Grip} ...${{ axis, x, top, bottom, brush }} />
    <${Handle} ...${{ axis, x, range, brush }} end="low" y=${low} value=${range[0]} />
    <${Handle} ...${{ axis, x, range, brush }} end="high" y=${high} value=${range[1]} />
  </g>`;
}
