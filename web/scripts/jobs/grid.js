// The table of jobs: thousands of rows, of which only those in view are drawn; one stop for the Tab key, and arrows from
// there.
import { html, classes, useEffect, useRef, useState } from "../dom.js";
import { navigate } from "../router.js";
import { debounce } from "../store.js";
import { t } from "../text.js";
import { row as rowOf } from "../jobs_store.js";
import { heading } from "./columns.js";
import { wantCurves } from "./curves.js";
import { Row } from "./row.js";
import { useAnchor, useWindow } from "./window.js";

const HEIGHT = 44;
const HEIGHT_OF_TWO_LINES = 66;
const HEAD = 37;
const CHOOSE = 40; // the width of the column of checkboxes

const readCurves = debounce(wantCurves, 120);

function Head({ columns, sort, descending, sortBy, all, chooseAll }) {
  return html`<thead role="rowgroup"><tr role="row" class="jobs-head" aria-rowindex="1">
    <th role="columnheader" class="jobs-choose"><label><input type="checkbox" checked=${all === true} indeterminate=${all === null}
      aria-label=${t("jobs.choose_all")} onClick=${chooseAll} /></label></th>
    ${columns.map((column) => {
      const isSorted = sort === column.key;
      const ordered = isSorted ? (descending ? "descending" : "ascending") : undefined;
      return html`<th role="columnheader" key=${column.key} class=${classes("jobs-cell", `jobs-head-${column.key}`, column.numeric && "jobs-numeric")} aria-sort=${ordered}>
        ${column.value
          ? html`<button type="button" class="jobs-sort" onClick=${() => sortBy(column)} title=${heading(column.key)}><span class="truncate">${heading(column.key)}</span>
              ${isSorted && html`<span class="jobs-arrow" aria-hidden="true">${descending ? "↓" : "↑"}</span>`}</button>`
          : html`<span class="truncate">${heading(column.key)}</span>`}</th>`;
    })}
  </tr></thead>`;
}

// Where a key leads to from row `at`, or undefined.
function target(key, at, count, page) {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 }[key];
  return to === undefined ? undefined : Math.min(count - 1, Math.max(0, to));
}

// What more there is to say of the cell that is pointed at, or its whole text. To have it ready in each cell would cost
// more than all else while one scrolls.
function explain(event, columns) {
  const cell = event.target.closest(".jobs-cell");
  const shown = cell && rowOf(cell.parentNode.id.slice(5));
  if (!shown) return;
  const cut = [cell, ...cell.children].some((each) => each.scrollWidth > each.clientWidth);
  cell.title = columns[cell.cellIndex - 1]?.describe?.(shown) || (cut ? cell.textContent.trim() : "");
}

// `choice`: {ids: Set, choose(id, withRange), add(ids), clear(), chooseAll()}
export function Grid({ ids, columns, narrow, sort, descending, sortBy, choice }) {
  const holder = useRef();
  const body = useRef();
  const [active, setActive] = useState(null);
  const height = narrow ? HEIGHT_OF_TWO_LINES : HEIGHT;
  const isLive = columns.find((each) => each.key === sort)?.live;
  const { from, to, slot, scrollTo } = useWindow({ holder, body, count: ids.length, height, byPage: narrow, head: HEAD });
  useAnchor({ holder, body, ids, height, byPage: narrow, enabled: !isLive });
  const at = active === null ? -1 : ids.indexOf(active);
  const drawn = ids.slice(from, to).map((id, index) => [id, from + index, slot(from + index)]);
  if (at >= 0 && (at < from || at >= to)) drawn.push([active, at, "active"]); // the row that has the focus stays there
  const inView = drawn.map(([id]) => id).join();
  useEffect(() => readCurves(drawn.map(([id]) => id)), [inView]);

  // A column that has been added at the end is brought into view.
  const last = columns.at(-1).key;
  const before = useRef({ last, count: columns.length });
  useEffect(() => {
    if (columns.length > before.current.count && last !== before.current.last) holder.current.scrollLeft = holder.current.scrollWidth;
    before.current = { last, count: columns.length };
  }, [columns.length, last]);

  const keys = (event) => {
    const isInside = event.target !== event.currentTarget; // a link or a checkbox, after a click
    if (!ids.length || event.target.closest("thead")) return;
    const next = target(event.key, at, ids.length, Math.floor(innerHeight / height / 2));
    if (next !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      setActive(ids[next]);
      scrollTo(next);
      if (isInside) event.currentTarget.focus();
      if (event.shiftKey) choice.add([active, ids[next]].filter(Boolean));
    } else if (isInside) return;
    else if (event.key === "Enter" && at >= 0) navigate(`/jobs/${active}`);
    else if (event.key === " " && at >= 0) choice.choose(active, event.shiftKey);
    else if (event.key === "Escape" && choice.ids.size) choice.clear();
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) choice.add(ids);
    else return;
    event.preventDefault();
  };
  const focus = () => at < 0 && ids.length && setActive(ids[Math.min(ids.length - 1, from ? from + 4 : 0)]);
  const tracks = narrow ? `${CHOOSE}px minmax(0, 1fr)` : `${CHOOSE}px ${columns.map((each) => `minmax(${each.width}px, ${each.share}fr)`).join(" ")}`;
  const width = CHOOSE + columns.reduce((sum, each) => sum + each.width, 0);
  const all = choice.ids.size === 0 ? false : choice.ids.size === ids.length ? true : null;
  return html`<div class=${classes("jobs-holder", narrow && "jobs-holder-narrow")} ref=${holder}>
    <table role="grid" class="jobs-grid" tabindex="0" aria-label=${t("jobs.title")} aria-rowcount=${ids.length + 1} aria-multiselectable="true"
      aria-activedescendant=${at >= 0 ? `jobs-${active}` : undefined} aria-describedby="jobs-keys" onKeyDown=${keys} onFocus=${(event) => event.target === event.currentTarget && focus()}
      style=${{ "--jobs-tracks": tracks, "--jobs-row": `${height}px`, minWidth: narrow ? null : `${width}px` }}>
      ${!narrow && html`<${Head} ...${{ columns, sort, descending, sortBy, all, chooseAll: choice.chooseAll }} />`}
      <tbody role="rowgroup" ref=${body} class="jobs-body" onMouseOver=${(event) => explain(event, columns)} style=${{ height: `${ids.length * height}px`, paddingTop: `${from * height}px` }}>
        ${drawn.map(([id, index, key]) => html`<${Row} key=${key} ...${{ id, index, height, away: key === "active", columns, narrow, active: id === active, chosen: choice.ids.has(id), choose: choice.choose, activate: setActive }} />`)}
      </tbody>
    </table>
    <p id="jobs-keys" class="visually-hidden">${t("jobs.keys")}</p>
  </div>`;
}
