// The spec as it was resolved: in groups, what differs from its recipe marked, what each field means on hover and focus.
import { html, useEffect, useId, useMemo } from "../dom.js";
import { get } from "../api.js";
import { Link, useQuery } from "../router.js";
import { may } from "../session.js";
import { useSignal } from "../store.js";
import { language, short, t } from "../text.js";
import { useRead } from "../components/basics.js";
import { loadNames, names as translated, titleOf as nameOf, unitOf } from "../form/names.js";
import { GROUPS, flat, groupOf, meanings, recipeValues } from "./spec_fields.js";

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// Parts that a spec can have or not are off where they are null; other fields are not set.
const PARTS = /^(augmentation|regularisation)\.|\.sam(\.|$)/;
const nothing = (path) => t(PARTS.test(path) ? "job.off" : "job.not_set");

function Value({ path, value, unit }) {
  if (value === null) return html`<span class="muted">${nothing(path)}</span>`;
  if (value === false) return html`<span class="muted">${t("job.off")}</span>`;
  if (value === true) return t("job.on");
  if (typeof value === "number") return html`${short(value, 6)}${unit && html` <span class="muted">${unit}</span>`}`;
  if (Array.isArray(value)) return value.join(", ");
  return html`<span class="user-text">${String(value)}</span>`;
}

function plain(path, value) {
  if (value === null) return nothing(path);
  if (typeof value === "boolean") return t(value ? "job.on" : "job.off");
  if (typeof value === "number") return short(value, 6);
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? t("job.on") : String(value);
}

// What stands in for a title until the schema is read.
const asTitle = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

// Parts whose fields are known by their own names alone.
const PLAIN = new Set(["architecture", "optimizer", "schedule", "augmentation", "regularisation"]);

// "optimizer.sam.radius" as "SAM · Radius", "optimizer.name" as "Optimizer".
function titleOf(path, fields) {
  const names = path.split(".");
  const titles = names.map((name, at) => {
    const inner = names.slice(0, at + 1).join(".");
    return nameOf({ name: inner, key: name, title: fields[inner]?.title ?? asTitle(name) });
  });
  const named = names.length > 1 && names.at(-1) === "name";
  const from = names.length > (named ? 2 : 1) && PLAIN.has(names[0]) ? 1 : 0;
  return titles.slice(from, named ? -1 : undefined).join(" · ");
}

// The schema's descriptions write names `so`.
const Ticked = ({ text }) => text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

function Row({ path, value, fields, differs, usual, fromRecipe }) {
  const id = useId();
  const field = fields[path];
  return html`<tr class=${differs ? "job-differs" : undefined}>
    <th scope="row"><span class="job-field" tabindex=${field?.description ? 0 : undefined} aria-describedby=${field?.description ? id : undefined}>${titleOf(path, fields)}
      ${field?.description && html`<span class="job-meaning" role="tooltip" id=${id}><span><${Ticked} text=${field.description} /></span><code>${path}</code></span>`}</span></th>
    <td><${Value} path=${path} value=${value} unit=${field?.unit && unitOf(field.unit)} /></td>
    <td class="job-usual">${differs && t(fromRecipe ? "job.recipe_has" : "job.default_is", { value: plain(path, usual) })}</td>
  </tr>`;
}

// The name of a part stands before its other fields.
function sorted(values) {
  const rank = ([path]) => (path.endsWith(".name") ? 0 : 1);
  const part = ([path]) => path.slice(0, path.lastIndexOf("."));
  return Object.entries(values).sort((a, b) => (part(a) === part(b) ? rank(a) - rank(b) : 0));
}

// For each path of the spec: its value, and what it would be if only the recipe were named, or nothing.
function compared(spec, fields, recipe) {
  const inRecipe = recipeValues(recipe);
  return sorted(flat(spec)).map(([path, value]) => {
    const fromRecipe = path in inRecipe;
    const isOff = fields[path]?.part && !Object.keys(inRecipe).some((each) => each.startsWith(`${fields[path].part}.`));
    const usual = fromRecipe ? inRecipe[path] : isOff ? null : fields[path]?.usual;
    const counts = path !== "dataset" && path !== "recipe" && usual !== undefined;
    return { path, value, usual, fromRecipe, differs: counts && !same(value, usual) };
  });
}

export default function Settings({ job }) {
  const [query, change] = useQuery();
  const shownLanguage = useSignal(language);
  useSignal(translated);
  useEffect(() => void loadNames(), [shownLanguage]);
  const only = query.get("differs") === "1";
  const { value: fields } = useRead(() => meanings(job.spec), [job.id]);
  const name = job.spec.recipe;
  const { value: recipe } = useRead((signal) => (name ? get(`/v1/recipes/${encodeURIComponent(name)}`, {}, { signal }) : Promise.resolve(null)), [name]);
  const rows = useMemo(() => compared(job.spec, fields ?? {}, recipe), [job.id, fields, recipe]);
  const count = rows.filter((each) => each.differs).length;
  return html`<section class="job-settings">
    <div class="job-settings-head">
      <p class="muted">${name ? t("job.from_recipe", { recipe: recipe?.title ?? name }) : t("job.no_recipe")} ${fields && t("job.differ_count", { n: count })}</p>
      <label class="check"><input type="checkbox" checked=${only} onChange=${(event) => change({ differs: event.target.checked ? 1 : null })} /> ${t("job.only_differing")}</label>
    </div>
    <div class="job-groups">${Object.keys(GROUPS).map((group) => {
      const inside = rows.filter((each) => groupOf(each.path) === group && (!only || each.differs));
      return inside.length > 0 && html`<section key=${group}><h2>${t(`job.group_${group}`)}</h2><table class="table job-spec"><tbody>${inside.map(
        (each) => html`<${Row} key=${each.path} fields=${fields ?? {}} ...${each} />`,
      )}</tbody></table></section>`;
    })}</div>
    ${may("train") && html`<p><${Link} to=${`/new?from=${job.id}`}>${t("job.rerun_changed")}<//></p>`}
  </section>`;
}
