// How the curves are shown: which, how smooth, on which axis.
import { html, useId } from "../dom.js";
import { t } from "../text.js";

const CURVES = [["", "both"], ["test", "test"], ["train", "train"]];

export function Tools({ choices, baseline }) {
  const { splits, smoothing, log, change } = choices;
  const shown = splits.length === 1 ? splits[0] : "";
  const id = useId();
  return html`<div class="compare-tools">
    <div class="compare-segments" role="group" aria-label=${t("compare.curves")}>${CURVES.map(([value, name]) => html`<button type="button" key=${name} aria-pressed=${shown === value}
      onClick=${() => change({ curves: value })}>
      ${name !== "both" && html`<svg class="compare-stroke" viewBox="0 0 18 4" aria-hidden="true"><path d="M0 2h18" stroke="currentColor" stroke-width="2" stroke-dasharray=${name === "train" ? "5 3" : undefined} /></svg>`}${t(`compare.${name}`)}</button>`)}</div>
    <span class="compare-smoothing"><label for=${id}>${t("chart.smoothing")}</label>
      <input id=${id} type="range" min="0" max="0.95" step="0.05" value=${smoothing} onInput=${(event) => change({ smooth: Number(event.target.value) || null })} />
      <output>${Math.round(100 * smoothing)} %</output></span>
    <label class="check" title=${baseline ? t("compare.no_log") : undefined}><input type="checkbox" checked=${log && !baseline} disabled=${Boolean(baseline)}
      onChange=${(event) => change({ log: event.target.checked ? "1" : null })} /> ${t("compare.log")}</label>
  </div>`;
}
