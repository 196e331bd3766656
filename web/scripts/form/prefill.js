// What the form begins with: the address says, else the draft of this tab, else the service's defaults.
import { get } from "../api.js";
import { stored } from "./draft.js";
import { complete, difference, leaves, mergePatch, resolve, spelledOut } from "./resolve.js";

// Fields of a job beside its spec that are the same in its next run.
const BESIDE = ["description", "tags", "priority", "max_retries", "accelerator", "repeats"];

// {values, suggested: {field's name: value}, from: the job, notes}. Throws the Problem of what cannot be read.
export async function beginning(root, lists, query) {
  return stored() ?? (await fresh(root, lists, query));
}

export async function fresh(root, lists, query) {
  const patch = spelledOut(specOf(root), patchIn(query.get("spec")));
  if (query.get("from")) return fromJob(root, lists, await get(`/v1/jobs/${encodeURIComponent(query.get("from"))}`), patch);
  const spec = mergePatch({ dataset: query.get("dataset") ?? usualDataset(lists.datasets) }, patch);
  if (query.get("recipe")) spec.recipe = query.get("recipe");
  if (query.get("starting_weights")) Object.assign(spec, await ofModel(lists, query.get("starting_weights"), query.get("dataset")));
  return { values: { spec }, suggested: suggestions(patch), from: null };
}

const specOf = (root) => root.fields.find((each) => each.key === "spec");

function patchIn(text) {
  try {
    const patch = JSON.parse(text ?? "{}");
    return typeof patch === "object" && patch !== null && !Array.isArray(patch) ? patch : {};
  } catch {
    return {};
  }
}

const suggestions = (changes) => (Object.keys(changes).length ? Object.fromEntries(leaves({ spec: changes })) : {});

const usualDataset = (datasets) => (datasets.find((each) => each.name === "digits" && each.usable) ?? datasets.find((each) => each.usable))?.name;

// A model's weights go into its own architecture.
async function ofModel(lists, name, dataset) {
  const model = await get(`/v1/models/${encodeURIComponent(name)}`);
  const usable = lists.datasets.some((each) => each.usable && each.name === model.dataset);
  return { starting_weights: name, architecture: { name: model.architecture }, ...(usable && !dataset ? { dataset: model.dataset } : {}) };
}

// The job's spec, said over its recipe as far as it differs, with the changes of a merge patch. A recipe may have
// changed since: what it then filled in is said.
function fromJob(root, lists, job, patch) {
  const specField = specOf(root);
  const target = complete(specField, mergePatch(job.spec, patch));
  const recipe = lists.recipes[job.spec.recipe] ? job.spec.recipe : null;
  const spec = { dataset: target.dataset, ...(recipe ? { recipe } : {}) };
  const base = resolve(root, { spec }, lists.recipes).spec;
  Object.assign(spec, difference(specField, { ...target, recipe }, base) ?? {});
  const changed = difference(specField, target, job.spec) ?? {};
  const values = { spec };
  for (const key of BESIDE) {
    const field = root.fields.find((each) => each.key === key);
    const value = difference(field, job[key] ?? undefined, complete(field, undefined));
    if (value !== undefined) values[key] = value;
  }
  if (job.name) values.name = nextName(job.name);
  return { values, suggested: suggestions(changed), from: { id: job.id, name: job.name } };
}

// "first" → "first 2" → "first 3".
function nextName(name) {
  const [, stem, count] = /^(.*?)(?: (\d{1,4}))?$/su.exec(name);
  return `${[...stem].slice(0, 190).join("")} ${Number(count ?? 1) + 1}`;
}
