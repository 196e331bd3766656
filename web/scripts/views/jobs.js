// All jobs, live: a table that can be searched, sorted, narrowed and shared by its address.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { connection } from "../live.js";
import { Link, useQuery } from "../router.js";
import { useSignal } from "../store.js";
import { number, t } from "../text.js";
import { Button, Empty, ErrorPanel, Loading } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { readParts, row as rowOf, start, state as reading } from "../jobs_store.js";
import { useFieldNames } from "../compare/fields.js";
import { Bulk, Failures } from "../jobs/bulk.js";
import { useChoice } from "../jobs/choice.js";
import { ChooseColumns, SortBy, columnsIn } from "../jobs/choose_columns.js";
import { columnOf } from "../jobs/columns.js";
import { Facet, Search, Statuses } from "../jobs/filters.js";
import { First } from "../jobs/first.js";
import { Grid } from "../jobs/grid.js";
import { isNarrowed, useListing, wishOf } from "../jobs/listing.js";
import { nameOf } from "../jobs/words.js";

const NARROW = matchMedia("(max-width: 700px)");
const NOTHING = { q: null, status: null, dataset: null, architecture: null, tag: null, parent: null };

function useNarrow() {
  const [narrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const look = () => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", look);
    return () => NARROW.removeEventListener("change", look);
  }, []);
  return narrow;
}

// What has to be known about the list: it may be old, it is not whole, parts are not in it.
function Note({ wish, listing, change }) {
  const { phase, problem, more } = useSignal(reading);
  const state = useSignal(connection);
  if (state === "lost") return html`<span class="jobs-note jobs-note-warn" role="status">${t("jobs.lost")}</span>`;
  if (phase === "failed") {
    return html`<span class="jobs-note jobs-note-warn" role="status">${problem.status === 0 ? t("common.unreachable") : problem.detail} <${Button} kind="quiet" onClick=${start}>${t("common.try_again")}<//></span>`;
  }
  if (phase === "reading") return html`<span class="jobs-note" role="status">${t("jobs.reading", { n: number(listing.total) })}</span>`;
  if (wish.parts && !wish.parent) return html`<span class="jobs-note"><${Button} kind="quiet" onClick=${() => change({ parts: null })}>${t("jobs.hide_parts")}<//></span>`;
  if (listing.hiddenParts) {
    return html`<span class="jobs-note"><${Button} kind="quiet" title=${t("jobs.parts_hint")} onClick=${() => change({ parts: "1" })}>${t("jobs.show_parts", { n: listing.hiddenParts })}<//></span>`;
  }
  return more ? html`<span class="jobs-note">${t("jobs.only_newest", { n: number(listing.total) })}</span>` : null;
}

function Header({ query, wish, narrow, keys, change }) {
  const parent = wish.parent && rowOf(wish.parent);
  return html`<header class="jobs-header">
    <h1>${t("jobs.title")}</h1>
    <div class="jobs-tools">
      <${Search} value=${query.get("q") ?? ""} change=${change} />
      <div class="jobs-facets">
        ${narrow && html`<${SortBy} value=${query.get("sort") ?? ""} change=${change} />`}
        ${["dataset", "architecture", "tag"].map((name) => html`<${Facet} key=${name} name=${name} chosen=${wish[name]} change=${change} />`)}
        ${!narrow && html`<${ChooseColumns} chosen=${keys} change=${change} />`}
      </div>
    </div>
    ${wish.parent && html`<p class="jobs-parent">${t(wish.parent.startsWith("job_") ? "jobs.of_job" : "jobs.of_parent")}${" "}
      <strong class="user-text" dir="auto">${parent ? nameOf(parent) : wish.parent}</strong>
      <${Link} to="/jobs" class="jobs-parent-end">${t("jobs.all_jobs")}<//></p>`}
  </header>`;
}

export default function Jobs() {
  useTitle(t("jobs.title"));
  const [query, change] = useQuery();
  const search = query.toString();
  const wish = useMemo(() => wishOf(query), [search]);
  const listing = useListing(wish, search);
  const choice = useChoice(listing.ids);
  const narrow = useNarrow();
  const { phase, problem } = useSignal(reading);
  const keys = columnsIn(query);
  const names = useFieldNames();
  const columns = useMemo(() => keys.map(columnOf), [keys.join(), names]);
  useEffect(() => {
    if (wish.parent) readParts(wish.parent).catch(() => {}); // older than those that are read; the note says what is not there
  }, [wish.parent]);
  useEffect(() => {
    document.body.classList.add("jobs-page");
    return () => document.body.classList.remove("jobs-page");
  }, []);

  if (!listing.total) {
    if (phase === "failed") return html`<${ErrorPanel} page problem=${problem} retry=${start} />`;
    return phase === "complete" ? html`<${First} />` : html`<${Loading} />`;
  }
  const isChosen = choice.ids.size > 0;
  const sortBy = ({ key, numeric, late, least }) => {
    const down = wish.sort === key ? !wish.descending : Boolean((numeric && !least) || late);
    change({ sort: down ? `-${key}` : key });
  };
  return html`<div class="jobs">
    <${Header} ...${{ query, wish, narrow, keys, change }} />
    <div class="jobs-bar">
      ${isChosen && !narrow
        ? html`<${Bulk} choice=${choice} />`
        : html`<${Statuses} counts=${listing.counts} chosen=${wish.status} change=${change} /><${Note} ...${{ wish, listing, change }} />`}
    </div>
    ${listing.ids.length
      ? html`<${Grid} ...${{ ids: listing.ids, columns, narrow, sort: wish.sort, descending: wish.descending, sortBy, choice }} />`
      : html`<${Nothing} ...${{ wish, listing, phase, change }} />`}
    ${isChosen && narrow && html`<${Bulk} choice=${choice} />`}
    <${Failures} />
  </div>`;
}

function Nothing({ wish, listing, phase, change }) {
  if (listing.hiddenParts && !wish.status.size) {
    const show = html`<${Button} kind="primary" onClick=${() => change({ parts: "1" })}>${t("jobs.show_parts", { n: listing.hiddenParts })}<//>`;
    return html`<${Empty} title=${t("jobs.only_parts")} actions=${show}>${t("jobs.parts_hint")}<//>`;
  }
  if (phase !== "complete") return html`<${Loading} label=${t("jobs.reading", { n: number(listing.total) })} />`;
  const clear = isNarrowed(wish) && html`<${Button} kind="primary" onClick=${() => change(NOTHING)}>${t("jobs.clear_filters")}<//>`;
  return html`<${Empty} title=${t("jobs.no_match")} actions=${clear}>${t("jobs.no_match_text", { n: number(listing.total) })}<//>`;
}
