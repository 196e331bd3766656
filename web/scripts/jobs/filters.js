// What narrows the list: search, status, data set, architecture, tag. All of it stands in the address.
import { html, classes, useEffect, useRef, useState } from "../dom.js";
import { debounce } from "../store.js";
import { number, t } from "../text.js";
import { Status } from "../components/basics.js";
import { rows } from "../jobs_store.js";
import { Popover } from "./popover.js";
import { STATUSES } from "./words.js";

export function Search({ value, change }) {
  const [text, setText] = useState(value);
  const mine = useRef(value);
  useEffect(() => {
    if (value !== mine.current) setText(value); // the address was changed by something else
    mine.current = value;
  }, [value]);
  const late = useRef(debounce((next, tell) => tell({ q: next }), 150));
  const input = (event) => {
    mine.current = event.target.value;
    setText(event.target.value);
    late.current(event.target.value, change);
  };
  return html`<input type="search" class="jobs-search" value=${text} placeholder=${t("jobs.search")} aria-label=${t("jobs.search_label")}
    spellcheck="false" autocomplete="off" onInput=${input} />`;
}

// Statuses with their numbers: what there is, and a filter at once.
export function Statuses({ counts, chosen, change }) {
  const shown = STATUSES.filter((status) => counts[status] || chosen.has(status));
  const toggle = (status) => {
    const next = new Set(chosen);
    if (!next.delete(status)) next.add(status);
    change({ status: [...next] });
  };
  return html`<div class="jobs-statuses" role="group" aria-label=${t("jobs.column_status")}>
    ${shown.map((status) => html`<button type="button" key=${status} class="jobs-status" aria-pressed=${chosen.has(status)} onClick=${() => toggle(status)}>
      <${Status} status=${status} /><span class="jobs-count">${number(counts[status] ?? 0)}</span></button>`)}
  </div>`;
}

// How often each value is there, the most frequent first.
function tally(valuesOf) {
  const counts = new Map();
  for (const row of rows()) for (const value of valuesOf(row)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

const MOST = 100; // values that are listed at once; the search finds the others

function Values({ name, valuesOf, chosen, change }) {
  const [search, setSearch] = useState("");
  const all = useRef(null);
  all.current ??= tally(valuesOf);
  const counted = new Map(all.current);
  const found = all.current.filter(([value]) => value.toLocaleLowerCase().includes(search.toLocaleLowerCase()));
  const listed = [...[...chosen].filter((value) => !counted.has(value)).map((value) => [value, 0]), ...found.slice(0, MOST)];
  const toggle = (value) => change({ [name]: chosen.has(value) ? [...chosen].filter((each) => each !== value) : [...chosen, value] });
  return html`
    ${all.current.length > 8 && html`<input type="search" class="jobs-panel-search" value=${search} placeholder=${t("jobs.find")} aria-label=${t("jobs.find")} onInput=${(event) => setSearch(event.target.value)} />`}
    <div class="jobs-options">${listed.map(([value, count]) => html`<label class="check jobs-option" key=${value}>
      <input type="checkbox" checked=${chosen.has(value)} onChange=${() => toggle(value)} /><span class="truncate user-text" dir="auto" title=${value}>${value}</span>
      <span class="jobs-count">${number(count)}</span></label>`)}
      ${!listed.length && html`<p class="small muted jobs-nothing">${t("jobs.no_values")}</p>`}</div>
    ${chosen.size > 0 && html`<button type="button" class="button button-quiet" onClick=${() => change({ [name]: null })}>${t("jobs.all_values")}</button>`}`;
}

const VALUES = {
  dataset: (row) => [row.dataset],
  architecture: (row) => (row.architecture ? [row.architecture] : []),
  tag: (row) => row.tags,
};

export function Facet({ name, chosen, change }) {
  const values = new Set(chosen);
  const label = html`<span class="jobs-opener-label">${t(`jobs.filter_${name}`)}</span>${values.size > 0 && html`<span class=${classes("jobs-opener-value", "user-text")} dir="auto">${values.size === 1 ? [...values][0] : number(values.size)}</span>`}`;
  return html`<${Popover} label=${label} title=${t(`jobs.filter_${name}`)} marked=${values.size > 0}>${() => html`<${Values} ...${{ name, chosen: values, change, valuesOf: VALUES[name] }} />`}<//>`;
}
