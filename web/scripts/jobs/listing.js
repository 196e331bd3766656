// Which rows are listed, in which order.
import { useLayoutEffect, useMemo, useReducer, useRef } from "../dom.js";
import { row as rowOf, rows, start, subscribe } from "../jobs_store.js";
import { columnOf } from "./columns.js";

const SETTLES = 2000; // milliseconds between two orders, where what is sorted by changes all the time

// What an address asks for.
export function wishOf(query) {
  const sort = query.get("sort") ?? "";
  return {
    search: (query.get("q") ?? "").trim().toLocaleLowerCase(),
    status: new Set(query.getAll("status")),
    dataset: new Set(query.getAll("dataset")),
    architecture: new Set(query.getAll("architecture")),
    tag: query.getAll("tag"),
    parent: query.get("parent"),
    parts: query.get("parts") === "1",
    sort: columnOf(sort.replace(/^-/, ""))?.value ? sort.replace(/^-/, "") : null,
    descending: sort.startsWith("-"),
  };
}

export const isNarrowed = (wish) =>
  Boolean(wish.search || wish.status.size || wish.dataset.size || wish.architecture.size || wish.tag.length || wish.parent);

const has = (text, search) => text !== null && text.toLocaleLowerCase().includes(search);

function isFound(row, search) {
  return has(row.name, search) || has(row.id, search) || has(row.dataset, search) || has(row.architecture, search) || row.tags.some((tag) => has(tag, search));
}

// Whether a row is listed, but for its status and for being a part.
function fits(row, wish) {
  return (
    (!wish.dataset.size || wish.dataset.has(row.dataset)) &&
    (!wish.architecture.size || wish.architecture.has(row.architecture)) &&
    wish.tag.every((tag) => row.tags.includes(tag)) &&
    (!wish.parent || row.parent === wish.parent || row.id === wish.parent) &&
    (!wish.search || isFound(row, wish.search))
  );
}

// Numbers and texts ascend, numbers in texts as numbers; what there is not comes last in both directions.
const natural = (value) => (typeof value === "string" ? value.replace(/\d+/g, (digits) => digits.padStart(9, "0")) : value);

function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function sorted(found, { sort, descending }) {
  if (!sort) return found;
  const { value } = columnOf(sort);
  const keyed = [];
  const without = [];
  for (const row of found) {
    const key = natural(value(row));
    if (key === null || key === undefined || Number.isNaN(key)) without.push(row);
    else keyed.push({ row, key });
  }
  keyed.sort(descending ? (a, b) => compare(b.key, a.key) : (a, b) => compare(a.key, b.key));
  return [...keyed.map((each) => each.row), ...without];
}

// {ids, counts, hiddenParts, total}: the rows in their order; how many there are of each status; how many parts of
// sweeps, audits and repeats would be listed as well; of how many rows.
export function listingOf(all, wish) {
  const found = [];
  const counts = {};
  let hiddenParts = 0;
  for (const row of all) {
    if (!fits(row, wish)) continue;
    const isHidden = row.parent && !wish.parts && !wish.parent;
    if (isHidden) hiddenParts += 1;
    else counts[row.status] = (counts[row.status] ?? 0) + 1;
    if (!isHidden && (!wish.status.size || wish.status.has(row.status))) found.push(row);
  }
  return { ids: sorted(found, wish).map((row) => row.id), counts, hiddenParts, total: all.length };
}

const SEEN = ["name", "status", "dataset", "architecture", "parent"];

// Whether one of the changes moves a row within the list, or out of it.
function matters(changed, wish) {
  const value = wish.sort && columnOf(wish.sort).value;
  for (const [id, before] of changed) {
    const after = rowOf(id);
    if (!before || !after || SEEN.some((name) => before[name] !== after[name])) return "at once";
    if (before.tags !== after.tags && before.tags.join("\n") !== after.tags.join("\n")) return "at once";
    if (value && value(before) !== value(after)) return "later";
  }
  return null;
}

// The listing of a wish, kept up to date.
export function useListing(wish, key) {
  const [version, redraw] = useReducer((n) => n + 1, 0);
  const timer = useRef(null);
  useLayoutEffect(() => {
    start();
    const end = subscribe(({ changed, listed }) => {
      const when = listed ? "at once" : matters(changed, wish);
      if (when === "at once") redraw();
      else if (when === "later") timer.current ??= setTimeout(() => {
        timer.current = null;
        redraw();
      }, SETTLES);
    });
    return () => {
      end();
      clearTimeout(timer.current);
      timer.current = null;
    };
  }, [key]);
  return useMemo(() => listingOf(rows(), wish), [key, version]);
}
