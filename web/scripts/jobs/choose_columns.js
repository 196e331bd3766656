// Which columns the table has, and the order of a list that has no headings.
import { html, useMemo, useState } from "../dom.js";
import { t } from "../text.js";
import { rows } from "../jobs_store.js";
import { DEFAULT, GENERAL, columnOf, heading, hyperparameters } from "./columns.js";
import { Popover } from "./popover.js";

const ALWAYS = "name";

function Choices({ chosen, change }) {
  const [search, setSearch] = useState("");
  const specific = useMemo(() => hyperparameters(rows()), []);
  const toggle = (key) => {
    const next = chosen.includes(key) ? chosen.filter((each) => each !== key) : [...chosen, key];
    change({ with: next.filter((each) => !DEFAULT.includes(each)), without: DEFAULT.filter((each) => !next.includes(each)) });
  };
  const plain = (text) => text.toLocaleLowerCase().replace(/[._\s]+/g, " ").trim();
  const fits = (key) => plain(`${heading(key)} ${key}`).includes(plain(search));
  const group = (title, keys) => keys.some(fits) && html`<div role="group" aria-label=${title}><p class="jobs-group">${title}</p>
    ${keys.filter(fits).map((key) => html`<label class="check jobs-option" key=${key}><input type="checkbox" checked=${chosen.includes(key)} disabled=${key === ALWAYS}
      onChange=${() => toggle(key)} /><span class="truncate">${heading(key)}</span></label>`)}</div>`;
  return html`
    <input type="search" class="jobs-panel-search" value=${search} placeholder=${t("jobs.find_column")} aria-label=${t("jobs.find_column")} onInput=${(event) => setSearch(event.target.value)} />
    <div class="jobs-options">${group(t("jobs.columns_general"), GENERAL)}${group(t("jobs.columns_spec"), specific)}
      ${![...GENERAL, ...specific].some(fits) && html`<p class="muted" role="status">${t("jobs.no_column")}</p>`}</div>
    ${chosen.join() !== DEFAULT.join() && html`<button type="button" class="button button-quiet" onClick=${() => change({ with: null, without: null })}>${t("jobs.columns_reset")}</button>`}`;
}

export const ChooseColumns = ({ chosen, change }) =>
  html`<${Popover} label=${t("jobs.columns")} title=${t("jobs.columns")} end=${true} marked=${chosen.join() !== DEFAULT.join()}>${() => html`<${Choices} chosen=${chosen} change=${change} />`}<//>`;

// The columns that an address asks for: what it has besides those that are shown by default, and which of them it lacks.
export function columnsIn(query) {
  const without = query.getAll("without").filter((key) => key !== ALWAYS);
  const more = query.getAll("with").filter((key) => columnOf(key) && !DEFAULT.includes(key));
  return [...DEFAULT.filter((key) => !without.includes(key)), ...new Set(more)];
}

const SORTS = ["", "-best", "-started", "-progress", "name", "test_loss", "-duration"];

export function SortBy({ value, change }) {
  const known = SORTS.includes(value) ? SORTS : [...SORTS, value];
  const label = (key) => (key ? `${heading(key.replace(/^-/, ""))} ${key.startsWith("-") ? "↓" : "↑"}` : t("jobs.sort_newest"));
  return html`<select class="jobs-sort-by" aria-label=${t("jobs.sort")} value=${value} onChange=${(event) => change({ sort: event.target.value })}>
    ${known.map((key) => html`<option key=${key} value=${key}>${label(key)}</option>`)}</select>`;
}
