// What uPlot is told: data, scales, axes, and what is drawn beside the lines.
import { colour, faint } from "./colours.js";
import { smooth } from "./smoothing.js";

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const GRID_SPACE = 44; // pixels between two lines of the grid, at least

// The columns that uPlot draws: x, and for each series its values, behind which the raw ones lie where they are smoothed.
// What is not finite, and on a logarithmic axis not positive, is a gap.
export function plotted({ x, drawn }, log, smoothing) {
  const clean = (values) => {
    const kept = new Array(x.length);
    for (let at = 0; at < x.length; at += 1) {
      const value = values[at];
      kept[at] = Number.isFinite(value) && !(log && value <= 0) ? value : null;
    }
    return kept;
  };
  const columns = [x];
  for (const each of drawn) {
    const values = clean(each.values);
    if (smoothing > 0) columns.push(values);
    columns.push(smoothing > 0 && !each.aside ? smooth(values, smoothing) : values);
  }
  return columns;
}

const known = (value) => value !== null && value !== undefined;

function lines({ drawn }, smoothing) {
  const found = [{}];
  for (const each of drawn) {
    const stroke = colour(each.colour);
    const line = { label: each.key, stroke, width: each.width ?? 2, spanGaps: true, dash: each.dashed ? [6, 4] : undefined };
    const single = (chart, at) => { // no line: a point
      const values = chart.data[at];
      const first = values.findIndex(known);
      return first >= 0 && !values.some((value, n) => n > first && known(value));
    };
    if (smoothing > 0) found.push({ ...line, stroke: faint(stroke), width: 1, points: { show: false } });
    if (each.aside && each.width === 0) line.auto = false; // an interval of few runs may be wide beyond all measure
    found.push({ ...line, points: { show: each.aside ? false : single, size: 6, fill: stroke } });
  }
  return found;
}

// What uPlot fills between two lines. Each has one column, or two where it is smoothed.
function filled({ drawn, areas = [] }, smoothing) {
  const at = (key) => {
    const found = drawn.findIndex((each) => each.key === key);
    return found < 0 ? null : smoothing > 0 ? 2 * found + 2 : found + 1;
  };
  return areas
    .map(({ low, high, colour: name }) => ({ series: [at(high), at(low)], fill: faint(colour(name), 0.16) }))
    .filter(({ series }) => series.every((each) => each !== null));
}

const axis = (more) => ({
  stroke: colour("--muted"),
  font: FONT,
  grid: { stroke: colour("--line"), width: 1 },
  ticks: { show: false },
  ...more,
});

// Where the ticks of whole numbers would fall between them, they are left out.
const whole = (chart, splits, format) => splits.map((each) => (Number.isInteger(each) ? format(each) : ""));

function drawBands(chart, bands) {
  const { ctx, bbox } = chart;
  for (const { from, to, colour: name } of bands) {
    const left = chart.valToPos(from, "x", true);
    const right = Math.max(chart.valToPos(to, "x", true), left + 2 * devicePixelRatio);
    ctx.fillStyle = faint(colour(name ?? "--warn"), 0.12);
    ctx.fillRect(Math.max(left, bbox.left), bbox.top, Math.min(right, bbox.left + bbox.width) - Math.max(left, bbox.left), bbox.height);
  }
}

function drawMarkers(chart, markers) {
  const { ctx, bbox } = chart;
  for (const { x, label, colour: name } of markers) {
    const at = Math.round(chart.valToPos(x, "x", true));
    if (at < bbox.left || at > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(name ?? "--muted");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    if (!label) continue;
    ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
    const fits = at + ctx.measureText(label).width + 8 * devicePixelRatio < bbox.left + bbox.width;
    ctx.textAlign = fits ? "left" : "right";
    ctx.textBaseline = "top";
    ctx.fillText(label, at + (fits ? 5 : -5) * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
  }
}

// What is written at the ends of the lines. Where two would cover each other, the lower one moves down.
function drawTags(chart, drawn, smoothing) {
  const { ctx, bbox } = chart;
  const tags = [];
  drawn.forEach((each, n) => {
    if (!each.tag) return;
    const values = chart.data[smoothing > 0 ? 2 * n + 2 : n + 1];
    if (!values) return; // other lines are wanted, for which the chart is made anew
    const [from, to] = chart.series[0].idxs ?? [0, values.length - 1];
    let last = to;
    while (last >= from && (values[last] === null || values[last] === undefined)) last -= 1;
    if (last < from) return;
    const left = chart.valToPos(chart.data[0][last], "x", true);
    const top = chart.valToPos(values[last], "y", true);
    if (top >= bbox.top && top <= bbox.top + bbox.height) tags.push({ text: each.tag, fill: colour(each.colour), left, top });
  });
  if (!tags.length) return;
  ctx.save(); // uPlot remembers what font it has set
  ctx.font = FONT.replace("12px", `600 ${11 * devicePixelRatio}px`);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const placed = [];
  for (const each of tags.sort((a, b) => a.top - b.top)) {
    const near = placed.filter((other) => Math.abs(other.left - each.left) < 14 * devicePixelRatio);
    const top = Math.max(each.top, ...near.map((other) => other.top + 12 * devicePixelRatio));
    placed.push({ left: each.left, top });
    ctx.fillStyle = each.fill;
    ctx.fillText(each.text, each.left + 5 * devicePixelRatio, top);
  }
  ctx.restore();
}

// Around equal values, so much that the axis tells them apart from others; else what uPlot does.
function range(chart, low, high) {
  const equal = high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high)); // smoothing leaves the last digits different
  if (low === null || !equal) return globalThis.uPlot.rangeNum(low ?? 0, high ?? 1, 0.1, true);
  const room = Math.abs(low) / 10 || 0.01;
  return [low - room, high + room];
}

// Of a single place, and of none, uPlot does not know how much of x is seen: all there will be, or a little around it.
function seenOf({ current: { x, zoomed, extent } }, low, high) {
  if (zoomed || x.length > 1) return [low, high];
  if (extent && extent[1] > extent[0]) return [Math.min(extent[0], x[0] ?? extent[0]), Math.max(extent[1], x[0] ?? extent[1])];
  return x.length ? [x[0] - 1, x[0] + 1] : [0, 1];
}

// Of a logarithmic axis, lines at the powers of ten where it is long: lines between them would cover everything.
function powers(chart, splits) {
  const decades = Math.log10(splits.at(-1) / splits[0]);
  return decades > 3 ? splits.map((each) => (Number.isInteger(Math.round(1e9 * Math.log10(each)) / 1e9) ? each : null)) : splits;
}

// Options of uPlot. `shown.current` has what may change without another uPlot.
export function plotOptions({ width, height, log, smoothing, time, sync }, shown) {
  const clipped = (draw) => (chart) => {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    draw(chart);
    ctx.restore();
  };
  const tagged = shown.current.drawn.some((each) => each.tag);
  const formatX = (chart, splits) => whole(chart, splits, shown.current.formatX);
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, tagged ? 20 : 16, 0, 0],
    cursor: {
      sync: sync ? { key: sync, setSeries: false } : undefined,
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      focus: { prox: -1 },
      bind: { dblclick: () => null },
    },
    scales: { x: { time, range: (_, low, high) => seenOf(shown, low, high) }, y: { distr: log ? 3 : 1, ...(log ? {} : { range }) } },
    axes: [
      axis({ space: GRID_SPACE, grid: { show: false }, size: 28, ...(time ? {} : { values: formatX, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7] }) }),
      axis({ space: 32, size: 60, ...(log ? { grid: { stroke: colour("--line"), width: 1, filter: powers } } : {}), values: (_, splits, at, space, step) => splits.map((each) => (each === null ? "" : shown.current.formatTick(each, log ? undefined : step))) }),
    ],
    series: lines(shown.current, smoothing),
    bands: filled(shown.current, smoothing),
    hooks: {
      drawAxes: [clipped((chart) => drawBands(chart, shown.current.bands))],
      draw: [clipped((chart) => drawMarkers(chart, shown.current.markers)), (chart) => drawTags(chart, shown.current.drawn, smoothing)],
      setCursor: [(chart) => shown.current.index.set(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width: wide } = chart.select;
          if (wide < 4) return;
          shown.current.setZoom([chart.posToVal(left, "x"), chart.posToVal(left + wide, "x")]);
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}
