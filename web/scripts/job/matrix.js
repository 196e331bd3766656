// The confusion matrix on a canvas: a row for each label, a column for each predicted class. Arrow keys move over it.
import { html, useEffect, useId, useRef, useState } from "../dom.js";
import { number, percent, t } from "../text.js";
import { useSignal } from "../store.js";
import { colour, dark, faint } from "../charts/colours.js";

const LARGEST_CELL = 44; // pixels
const LABELLED = 12; // from this size of a cell on, classes are named
const COUNTED = 26; // from this size on, cells have their counts
const MARGIN = 96; // for names
const FONT = 'px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

function fit(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}

// Sizes in CSS pixels for `count` classes in `width`.
export function sizes(count, width) {
  const bare = Math.max(1.5, Math.min(LARGEST_CELL, width / count));
  const named = Math.min(LARGEST_CELL, (width - MARGIN) / count);
  const margin = named >= LABELLED ? MARGIN : 0;
  const cell = margin ? named : bare;
  return { cell, margin, width: margin + cell * count, height: margin + cell * count };
}

function drawNames(context, classes, { cell, margin }) {
  context.fillStyle = colour("--muted");
  context.font = Math.min(13, cell - 1) + FONT;
  context.textBaseline = "middle";
  classes.forEach((name, at) => {
    const middle = margin + (at + 0.5) * cell;
    const text = fit(context, name, margin - 12);
    context.textAlign = "right";
    context.fillText(text, margin - 8, middle);
    context.save();
    context.translate(middle, margin - 8);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(text, 0, 0);
    context.restore();
  });
}

function drawCells(context, { matrix, totals }, { cell, margin }) {
  const [right, wrong, ink, paper] = ["--accent", "--bad", "--ink", "--surface"].map(colour);
  context.font = Math.min(13, cell * 0.36) + FONT;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const gap = cell >= 6 ? 1 : 0;
  matrix.forEach((row, label) => row.forEach((count, predicted) => {
    const [x, y] = [margin + predicted * cell, margin + label * cell];
    const share = count / Math.max(1, totals[label]);
    if (count) {
      // what is wrong is seen earlier than its share says
      context.fillStyle = label === predicted ? faint(right, 0.1 + 0.8 * share) : faint(wrong, 0.18 + 0.8 * Math.sqrt(share));
      context.fillRect(x, y, cell - gap, cell - gap);
    }
    if (count && cell >= COUNTED) {
      context.fillStyle = share > 0.55 ? paper : ink;
      context.fillText(String(count), x + cell / 2, y + cell / 2);
    }
  }));
}

function draw(canvas, data, size, at) {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(size.width * ratio);
  canvas.height = Math.round(size.height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colour("--sunken");
  context.fillRect(size.margin, size.margin, size.cell * data.classes.length, size.cell * data.classes.length);
  drawCells(context, data, size);
  if (size.margin) drawNames(context, data.classes, size);
  if (!at) return;
  const [x, y] = [size.margin + at[1] * size.cell, size.margin + at[0] * size.cell];
  context.strokeStyle = colour("--ink");
  context.lineWidth = 2;
  context.strokeRect(x - 0.5, y - 0.5, Math.max(3, size.cell), Math.max(3, size.cell));
}

// `open([label, predicted])` is called when a cell is pressed.
export function Matrix({ classes, matrix, open }) {
  const holder = useRef();
  const canvas = useRef();
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState(null);
  const isDark = useSignal(dark);
  const id = useId();
  const size = sizes(classes.length, Math.min(width, 1000));
  const totals = matrix.map((row) => row.reduce((sum, each) => sum + each, 0));
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    observer.observe(holder.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (width) draw(canvas.current, { classes, matrix, totals }, size, at);
  }, [classes, matrix, width, at?.[0], at?.[1], isDark]);
  const cellOf = (event) => {
    const found = [event.offsetY, event.offsetX].map((each) => Math.floor((each - size.margin) / size.cell));
    return found.every((each) => each >= 0 && each < classes.length) ? found : null;
  };
  const keys = (event) => {
    const [row, column] = at ?? [0, 0];
    const end = classes.length - 1;
    const to = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], Home: [row, 0], End: [row, end], PageUp: [0, column], PageDown: [end, column] }[event.key];
    if (to) setAt(to.map((each) => Math.max(0, Math.min(end, each))));
    else if ((event.key === "Enter" || event.key === " ") && at) open(at);
    else return;
    event.preventDefault();
  };
  return html`<div class="job-matrix" ref=${holder}>
    <p class="job-matrix-readout user-text" id=${`${id}-cell`} role="status" aria-live="polite">${at ? said(classes, matrix, totals, at) : t("job.matrix_help")}</p>
    <canvas ref=${canvas} tabindex="0" role="application" aria-label=${t("job.matrix")} aria-describedby=${`${id}-cell`} style=${{ width: `${size.width}px`, height: `${size.height}px` }}
      onKeyDown=${keys} onFocus=${() => at ?? setAt([0, 0])} onPointerMove=${(event) => cellOf(event) && setAt(cellOf(event))}
      onClick=${(event) => cellOf(event) && open(cellOf(event))}></canvas>
  </div>`;
}

export function said(classes, matrix, totals, [label, predicted]) {
  const count = matrix[label][predicted];
  const share = percent(totals[label] ? count / totals[label] : 0, 1);
  const values = { label: classes[label], predicted: classes[predicted], count: number(count), all: number(totals[label]), share };
  return t(label === predicted ? "job.cell_right" : "job.cell_wrong", values);
}
