// Parallel coordinates over the hyperparameters in which the compared jobs differ, and their best accuracy.
import { html, useMemo } from "../dom.js";
import { percent, t } from "../text.js";
import { Parallel } from "../charts/parallel.js";
import { fieldWords, useFieldNames, pathOf, valueWords } from "./fields.js";
import { bestOf, letter } from "./model.js";
import { nameOf } from "./parts.js";

const OBJECTIVE = "best accuracy";

// A part that differs as a whole, because its kinds have other fields, is told apart by its name alone where the names differ.
function axesOf(differences) {
  return differences.map(({ pointer }) => {
    const path = pathOf(pointer);
    const [label, part] = fieldWords(path);
    return { key: path, label, part, title: path };
  });
}

const accuracy = (value) => percent(value, 1);

export const objectiveAxis = () => ({ key: OBJECTIVE, label: t("compare.best"), part: "", objective: true, log: false, format: accuracy });

export function ComparedParallel({ comparison, ids, hidden, brushes, setBrushes }) {
  const { differences, jobs } = comparison;
  const names = useFieldNames();
  const axes = useMemo(() => [...axesOf(differences), objectiveAxis()], [differences, t("compare.best"), names]);
  const rows = useMemo(() => jobs.filter((job) => !hidden.has(job.id)).map((job) => ({
    id: job.id, label: `${letter(ids.indexOf(job.id))} ${nameOf(job)}`, colour: `var(--c${ids.indexOf(job.id) + 1})`, strong: true,
    values: { ...Object.fromEntries(differences.filter((each) => job.id in each.values).map((each) => [pathOf(each.pointer), each.values[job.id]])), [OBJECTIVE]: bestOf(job)?.value },
  })), [differences, jobs, ids.join(), [...hidden].join()]);
  if (!differences.length) return null;
  return html`<section class="section"><h2>${t("compare.parallel")}</h2>
    <${Parallel} title=${t("compare.parallel_title")} ...${{ axes, rows, words: valueWords, brushes, setBrushes }} /></section>`;
}
