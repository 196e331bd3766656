// A curve in the size of a word.
import { html } from "../dom.js";

// `values`: numbers or nulls. `label` says in words what it shows.
export function Sparkline({ values, width = 96, height = 24, label, colour = "--series-test" }) {
  const known = values.filter((each) => each !== null && Number.isFinite(each));
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const step = width / Math.max(1, values.length - 1);
  let path = "";
  let drawing = false;
  values.forEach((value, at) => {
    if (value === null || !Number.isFinite(value)) {
      drawing = false;
      return;
    }
    path += `${drawing ? "L" : "M"}${(at * step).toFixed(1)} ${(height - 2 - ((value - low) / span) * (height - 4)).toFixed(1)}`;
    drawing = true;
  });
  return html`<svg class="sparkline" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    ${known.length > 1 && html`<path d=${path} fill="none" style=${{ stroke: `var(${colour})` }} stroke-width="1.5" stroke-linejoin="round" />`}
  </svg>`;
}
