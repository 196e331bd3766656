// The form's fields: the common ones in view, the others in folded groups, or those that a search finds.
import { classes, html, useMemo } from "../dom.js";
import { hasText, t } from "../text.js";
import { Button } from "../components/basics.js";
import { COMMON, groupsOf, inView } from "./common.js";
import { FieldsOf, FormField } from "./field.js";
import { useModel } from "./model.js";
import { titleOf } from "./names.js";
import { everyField, fieldsWithin } from "./schema.js";

// The common fields. One that the part's kind does not have is left out.
export function Common() {
  const model = useModel();
  return COMMON.map(([section, names]) => {
    const fields = names.map((each) => model.shown.get(each)).filter(Boolean);
    return html`<section class="form-section" key=${section}><h2>${t(`form.${section}`)}</h2>
      ${hasText(`form.${section}_text`) && html`<p class="form-lead">${t(`form.${section}_text`)}</p>`}
      <div class="form-grid">${fields.map((each) => html`<${FormField} key=${each.name} field=${each} />`)}</div></section>`;
  });
}

const namesOf = (fields) => fields.map((each) => titleOf(each)).join(", ");

// How many fields below these are said, or wrong.
function count(model, fields, is) {
  return [...model.shown.values()].filter((each) => is(each) && fields.some((one) => each.name === one.name || each.name.startsWith(`${one.name}.`))).length;
}

function Group({ group, open, toggle }) {
  const model = useModel();
  const value = group.part && model.value(group.part);
  const fields = (group.part ? fieldsWithin(group.part, value) : group.fields).filter((each) => !inView(each.name));
  if (!fields.length) return null;
  const said = count(model, fields, model.isSaid);
  const wrong = count(model, fields, (each) => model.wrong(each).length > 0);
  const named = `form.group_${group.id.replace("spec.", "")}`;
  const title = hasText(named) ? t(named) : (group.part?.title ?? group.id);
  return html`<details class="form-group" open=${open} data-group=${group.id}>
    <summary onClick=${(event) => {
      event.preventDefault();
      toggle(group.id);
    }}><span class="form-group-title">${title}${value?.name && html` <code>${value.name}</code>`}</span>
      <span class="form-group-names">${namesOf(fields)}</span>
      ${wrong > 0 && html`<span class="form-count form-count-wrong">${t("form.wrong_count", { n: wrong })}</span>`}
      ${said > 0 && html`<span class="form-count">${t("form.said_count", { n: said })}</span>`}</summary>
    ${open && html`<div class="form-group-fields"><${FieldsOf} fields=${fields} /></div>`}
  </details>`;
}

// The id of the group in which a field is folded away, or undefined.
export function groupOf(root, name) {
  if (inView(name)) return undefined;
  const within = (each) => name === each || name.startsWith(`${each}.`);
  return groupsOf(root).find((group) => (group.part ? within(group.part.name) : group.fields.some((each) => within(each.name))))?.id;
}

// Fields whose name, title or description has all words of `text`; of those that are not shown as things are, the part
// by which they would be.
function found(model, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = new Map();
  for (const each of everyField(model.root).values()) {
    const content = `${each.name} ${each.title} ${titleOf(each)} ${each.description}`.toLowerCase();
    if (each.name === "spec" || !words.every((word) => content.includes(word))) continue;
    const path = [...each.path];
    while (path.length && !model.shown.has(path.join("."))) path.pop();
    const shown = model.shown.get(path.join("."));
    if (!shown || shown.name === "spec") continue;
    const hit = hits.get(shown.name) ?? { field: shown, inner: [] };
    if (shown !== each && shown.name !== each.name) hit.inner.push(titleOf(each));
    hits.set(shown.name, hit);
  }
  return [...hits.values()];
}

// The part that a field is in: found among others, "Decay" alone says little.
function contextOf(model, field) {
  const part = model.shown.get(field.path.slice(0, -1).join("."));
  return part && part.name !== "spec" ? titleOf(part) : null;
}

function Found({ text, goTo }) {
  const model = useModel();
  const hits = found(model, text);
  const above = (field) => inView(field.name) || (field.type === "kinds" && !field.nullable) || (field.type === "object" && !field.nullable);
  const rows = hits.filter((each) => above(each.field));
  return html`<div class="form-found"><p class="visually-hidden" role="status">${t("form.found", { n: hits.length })}</p>
    ${!hits.length && html`<p class="muted">${t("form.nothing_found")}</p>`}
    ${rows.length > 0 && html`<ul class="form-jumps">${rows.map(({ field, inner }) => html`<li key=${field.name}><${Button} kind="quiet" onClick=${() => goTo(field)}>↑ ${titleOf(field)}${inner.length > 0 && html`<span class="muted">: ${inner.join(", ")}</span>`}<//></li>`)}</ul>`}
    <div class="form-grid">${hits.filter((each) => !above(each.field)).map(({ field }) => html`<${FormField} key=${field.name} field=${field} context=${contextOf(model, field)} />`)}</div>
  </div>`;
}

// All other fields: folded groups, or what the search finds.
export function Rest({ search, setSearch, open, toggle, goTo }) {
  const { root } = useModel();
  const groups = useMemo(() => groupsOf(root), [root]);
  return html`<section class=${classes("form-section", "form-rest")}>
    <div class="form-rest-head"><h2 id="form-rest">${t("form.rest")}</h2>
      <input type="search" class="form-search" value=${search} aria-label=${t("form.search")} placeholder=${t("form.search")}
        onInput=${(event) => setSearch(event.target.value)} onKeyDown=${(event) => event.key === "Enter" && event.preventDefault()} /></div>
    ${search.trim() ? html`<${Found} text=${search} goTo=${goTo} />` : html`<div class="form-groups">${groups.map((each) => html`<${Group} key=${each.id} group=${each} open=${open.has(each.id)} toggle=${toggle} />`)}</div>`}
  </section>`;
}
