// One job of the table: cells in columns, or two lines where the screen is narrow.
import { html, classes } from "../dom.js";
import { navigate, href } from "../router.js";
import { t } from "../text.js";
import { Time } from "../components/basics.js";
import { useRow } from "../jobs_store.js";
import { Best, Name, Progress, State } from "./cells.js";
import { Curve } from "./curves.js";
import { nameOf } from "./words.js";

const Cell = ({ column, row }) =>
  html`<td role="gridcell" class=${classes("jobs-cell", column.numeric && "jobs-numeric", `jobs-cell-${column.key.split(".")[0]}`, column.user && "user-text")}
    dir=${column.user ? "auto" : undefined}>${column.cell(row)}</td>`;

const Lines = ({ row }) => html`<td role="gridcell" class="jobs-lines">
  <span class="jobs-line"><${Name} row=${row} /><span class="jobs-line-best"><${Best} row=${row} /></span></span>
  <span class="jobs-line jobs-line-small"><${State} row=${row} /><${Progress} row=${row} />
    <${Curve} row=${row} /><span class="jobs-line-time"><${Time} at=${row.started_at ?? row.created_at} /></span></span>
</td>`;

// A click on a row opens its job, but not on what does something itself, nor where text is being marked.
function open(event, row) {
  if (event.defaultPrevented || event.target.closest("a, button, label, input") || String(getSelection())) return;
  if (event.metaKey || event.ctrlKey) window.open(href(`/jobs/${row.id}`), "_blank", "noopener");
  else navigate(`/jobs/${row.id}`);
}

// `away`: not among the others, which lie one below the other.
export function Row({ id, index, height, away, columns, narrow, active, chosen, choose, activate }) {
  const row = useRow(id);
  if (!row) return null;
  return html`<tr role="row" id=${`jobs-${id}`} class=${classes("jobs-row", active && "jobs-row-active")} aria-rowindex=${index + 2}
    aria-selected=${chosen} style=${away ? { position: "absolute", top: `${index * height}px`, insetInline: 0 } : null} onMouseDown=${() => activate(id)} onClick=${(event) => open(event, row)}>
    <td role="gridcell" class="jobs-choose"><label><input type="checkbox" tabindex="-1" checked=${chosen} aria-label=${t("jobs.choose", { name: nameOf(row) })}
      onClick=${(event) => choose(id, event.shiftKey)} /></label></td>
    ${narrow ? html`<${Lines} row=${row} />` : columns.map((column) => html`<${Cell} key=${column.key} column=${column} row=${row} />`)}
  </tr>`;
}
