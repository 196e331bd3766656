// Changes of a version, collected until they are made: then there is a next version, and this one stays as it is.
import { html, useState } from "../dom.js";
import { post } from "../api.js";
import { Button } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";
import { navigate } from "../router.js";
import { signal, useSignal } from "../store.js";
import { number, t } from "../text.js";
import { versionPath } from "./follow.js";

const MOST_IMAGES = 2000; // of one edit

const collected = signal({}); // by "name@version": [{edit, count}]
const keyOf = ({ name, version }) => `${name}@${version}`;

// Add a change: `edit` as the API has it; `count`: how many images it means, as far as that is known.
export function addEdit(version, edit, count = null) {
  const parts = [];
  if (edit.images) {
    for (let at = 0; at < edit.images.length; at += MOST_IMAGES) {
      const images = edit.images.slice(at, at + MOST_IMAGES);
      parts.push({ edit: { ...edit, images }, count: images.length });
    }
  } else parts.push({ edit, count });
  collected.update((old) => ({ ...old, [keyOf(version)]: [...(old[keyOf(version)] ?? []), ...parts] }));
}

export const useEdits = (version) => useSignal(collected, (all) => all[keyOf(version)]) ?? [];

// What images are to become, by id: those that are chosen one by one.
export function changeOf(edits, image) {
  const found = edits.filter(({ edit }) => edit.images?.includes(image));
  return found.some(({ edit }) => edit.exclude) ? { exclude: true } : found.length ? Object.assign({}, ...found.map(({ edit }) => edit)) : null;
}

function whatOf({ edit, count }) {
  const which = edit.images
    ? t("common.images_count", { n: number(count) })
    : edit.finding
      ? t("datasets.edit_of_finding", { code: edit.finding })
      : t("datasets.edit_of_audit", { least: edit.audit.least_probability ?? 0 });
  const becomes = [
    edit.exclude && t("datasets.edit_excluded"),
    edit.label && t("datasets.edit_labelled", { name: edit.label }),
    edit.likely_label && t("datasets.edit_likely"),
    edit.split && t("datasets.edit_moved", { split: t(`datasets.split_${edit.split}`) }),
  ].filter(Boolean);
  return `${which}: ${becomes.join(", ")}`;
}

// The bar at the bottom, while there are changes.
export function EditBar({ version }) {
  const edits = useEdits(version);
  const [busy, setBusy] = useState(false);
  if (!edits.length) return null;
  const set = (next) => collected.update((old) => ({ ...old, [keyOf(version)]: next }));
  const make = async () => {
    setBusy(true);
    try {
      const made = await post(`${versionPath(version.name, version.version)}/edits`, { edits: edits.map((each) => each.edit) });
      set([]);
      navigate(`/datasets/${made.name}/${made.version}`);
    } catch (problem) {
      toastProblem(problem);
    }
    setBusy(false);
  };
  return html`<section class="datasets-edits" aria-label=${t("datasets.changes")}>
    <div><strong>${t("datasets.changes_count", { n: edits.length })}</strong> <span class="muted">${t("datasets.changes_text", { n: version.version })}</span>
      <ul>${edits.map((each, at) => html`<li key=${at}><span class="user-text">${whatOf(each)}</span>
        <${Button} kind="quiet" aria-label=${t("datasets.take_back", { what: whatOf(each) })} onClick=${() => set(edits.filter((_, n) => n !== at))}>✕<//></li>`)}</ul></div>
    <div class="page-actions"><${Button} onClick=${() => set([])}>${t("datasets.take_all_back")}<//>
      <${Button} kind="primary" busy=${busy} onClick=${make}>${t("datasets.make_version")}<//></div>
  </section>`;
}
