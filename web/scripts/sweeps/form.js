// Make a sweep: a job or a recipe to begin with, and lists of values.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { get, idempotencyKey, post } from "../api.js";
import { debounce } from "../store.js";
import { navigate } from "../router.js";
import { duration, number, t } from "../text.js";
import { Button, Field, useRead } from "../components/basics.js";
import { JobPicker } from "../compare/picker.js";
import { nameOf } from "../compare/parts.js";
import { fieldPath, useFieldNames, valueWords } from "../compare/fields.js";
import { errorsByPlace, fieldsOf, firstOf, oddValues, readGrid, readValues, withNames } from "./grid.js";

const MOST = 100;
const MOST_ODD = 8; // values that are tried by themselves
const DATASET = "digits"; // where none is chosen: it comes with the service
const SUGGESTED = ["optimizer.learning_rate", "batch_size", "optimizer", "architecture", "optimizer.weight_decay", "epochs", "schedule", "augmentation.flip", "regularisation.label_smoothing", "seed"];
let rowCount = 0;
const newRow = (path = "", text = "") => ({ id: (rowCount += 1), path, text });

// What the sweep begins with: {spec, name}.
function useBase({ from, recipe, dataset, epochs }) {
  const { value: job, problem } = useRead((signal) => (from ? get(`/v1/jobs/${from}`, {}, { signal }) : Promise.resolve(null)), [from]);
  const spec = useMemo(() => {
    if (from && !job) return null;
    const base = job ? job.spec : recipe ? { recipe } : {};
    return { ...base, ...(dataset && { dataset }), ...(epochs && { epochs: Number(epochs) }) };
  }, [job, from, recipe, dataset, epochs]);
  return { job, spec, problem };
}

// The service's dry run of a spec, as one writes: {run, problem}.
function useDryRun(spec) {
  const [state, setState] = useState({ run: null, problem: null });
  const look = useMemo(() => debounce(async (wanted) => {
    try {
      setState({ run: await post("/v1/jobs?dry_run=true", { spec: wanted }), problem: null });
    } catch (problem) {
      setState((old) => ({ run: old.run, problem }));
    }
  }, 350), []);
  useEffect(() => () => look.cancel(), []);
  useEffect(() => (spec?.dataset ? look(spec) : setState({ run: null, problem: null })), [JSON.stringify(spec)]);
  return state;
}

// What the service says against values that the dry run of the first job does not try: {path: [{detail, place}]}.
function useOddValues(spec, space) {
  const [found, setFound] = useState({});
  const look = useMemo(() => debounce(async (wanted, grid) => {
    const told = {};
    for (const odd of oddValues(grid).slice(0, MOST_ODD)) {
      const problem = await post("/v1/jobs?dry_run=true", { spec: firstOf(wanted, odd.space) }).then(() => null, (refusal) => refusal);
      const mine = errorsByPlace(problem).spec.filter((text) => text.startsWith(`${odd.path}:`));
      told[odd.path] = [...(told[odd.path] ?? []), ...mine.map((text) => ({ detail: text.slice(odd.path.length + 2), place: odd.place }))];
    }
    setFound(told);
  }, 350), []);
  useEffect(() => () => look.cancel(), []);
  useEffect(() => {
    setFound({});
    if (spec && oddValues(space).length) look(spec, space);
    else look.cancel();
  }, [JSON.stringify([spec, space])]);
  return found;
}

function RowField({ row, n, fields, errors, change, remove, single }) {
  const now = fields.find(([path]) => path === row.path);
  const values = readValues(row.text);
  const wrong = new Set(errors.map((each) => each.place).filter((place) => place !== null));
  const error = errors.map((each) => each.detail).join(" ") || null;
  return html`<div class="sweeps-form-row">
    <${Field} label=${t("sweeps.field", { n })}>${(control) => html`<input ...${control} list="sweeps-paths" spellcheck=${false} autocomplete="off" value=${row.path} placeholder="optimizer.learning_rate"
      onInput=${(event) => change({ path: event.target.value })} />`}<//>
    <${Field} label=${t("sweeps.values")} error=${error} hint=${now && t("sweeps.now", { value: valueWords(now[1]) })}>${(control) => html`<input ...${control} spellcheck=${false} autocomplete="off" value=${row.text}
      placeholder=${t("sweeps.values_example")} onInput=${(event) => change({ text: event.target.value })} />
      ${values.length > 0 && html`<span class="sweeps-values">${values.map((value, at) => html`<span key=${at} class=${`sweeps-value user-text ${wrong.has(at) ? "sweeps-value-wrong" : ""}`}>${valueWords(value)}</span>`)}</span>`}`}<//>
    <${Button} kind="quiet" class="sweeps-form-remove" disabled=${single} aria-label=${t("sweeps.remove_row", { n })} onClick=${remove}>✕<//>
  </div>`;
}

// How many jobs it would be, and how long they would take.
function Outlook({ jobs, space, run, spec }) {
  if (!jobs) return html`<p class="muted">${t("sweeps.no_grid")}</p>`;
  const counts = Object.values(space).map((values) => number(values.length));
  const pace = run?.devices?.find((each) => each.pace);
  const seconds = pace && jobs * pace.pace.total_seconds.expected;
  const epochs = "epochs" in space ? space.epochs.reduce((sum, each) => sum + Number(each), 0) * (jobs / space.epochs.length) : jobs * (spec?.epochs ?? run?.spec.epochs ?? 0);
  return html`<div class="sweeps-outlook" role="status"><p><b>${counts.length > 1 ? `${counts.join(" × ")} = ` : ""}${t("common.jobs_count", { n: jobs })}</b>${epochs > 0 && Number.isFinite(epochs) ? html`, ${t("common.epochs_count", { n: epochs })}` : ""}</p>
    ${jobs > MOST ? html`<p class="field-error">${t("sweeps.too_many", { n: jobs, most: MOST })}</p>`
      : seconds && html`<p class="muted">${t("sweeps.estimate", { time: duration(Math.round(seconds)), device: pace.device })}</p>`}</div>`;
}

// What all jobs have in common: where it begins, and what is changed of it.
function Base({ base, fields, set, offered, errors, run, query, change }) {
  const [from, recipe] = [query.get("from"), query.get("recipe") ?? ""];
  return html`<section><h2>${t("sweeps.form_base")}</h2><div class="sweeps-form-grid">
    <div class="field"><span class="sweeps-label">${t("sweeps.from_job")}</span>
      ${from ? html`<p class="sweeps-from"><span class="user-text">${base.job ? nameOf(base.job) : from}</span><${Button} kind="quiet" onClick=${() => change({ from: null, new: 1 })}>${t("sweeps.other")}<//></p>`
        : html`<${JobPicker} label=${t("sweeps.from_job")} placeholder=${t("sweeps.from_job_hint")} choose=${(row) => change({ from: row.id, recipe: null })} />`}</div>
    ${!from && html`<${Field} label=${t("sweeps.from_recipe")}>${(control) => html`<select ...${control} value=${recipe} onChange=${(event) => change({ recipe: event.target.value, new: 1 })}>
      <option value="">${t("sweeps.no_recipe")}</option>${(offered?.recipes ?? []).map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select>`}<//>`}
    <${Field} label=${t("sweeps.dataset")} error=${errors.dataset}>${(control) => html`<select ...${control} value=${fields.dataset || base.job?.dataset.name || DATASET} onChange=${(event) => set({ dataset: event.target.value })}>
      ${(offered?.datasets ?? []).map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select>`}<//>
    <${Field} label=${t("sweeps.epochs")} error=${errors.epochs}>${(control) => html`<input ...${control} inputmode="numeric" value=${fields.epochs}
      placeholder=${run ? number(run.spec.epochs) : ""} onInput=${(event) => set({ epochs: event.target.value.replace(/\D/g, "") })} />`}<//>
    <${Field} label=${t("sweeps.name")} error=${errors.name}>${(control) => html`<input ...${control} value=${fields.name} maxlength="200" onInput=${(event) => set({ name: event.target.value })} />`}<//>
  </div></section>`;
}

// What varies: a row for each field.
function Grid({ rows, setRows, edit, known, errorsOf, errors }) {
  useFieldNames();
  const paths = [...new Set([...SUGGESTED, ...known.map(([path]) => path)])];
  return html`<section><h2>${t("sweeps.form_grid")}</h2><p class="muted">${t("sweeps.form_grid_text")}</p>
    <datalist id="sweeps-paths">${paths.map((path) => html`<option key=${path} value=${path}>${fieldPath(path)}</option>`)}</datalist>
    ${rows.map((row, n) => html`<${RowField} key=${row.id} ...${{ row, fields: known, n: n + 1 }} single=${rows.length === 1} errors=${errorsOf(row.path)}
      change=${(values) => edit(row.id, values)} remove=${() => setRows((old) => old.filter((each) => each.id !== row.id))} />`)}
    ${errors.length > 0 && html`<p class="field-error">${errors.join(" ")}</p>`}
    <p><${Button} onClick=${() => setRows((old) => [...old, newRow()])}>${t("sweeps.add_row")}<//></p></section>`;
}

// The errors of the last submission, or else of the dry run, where they belong.
function placed(problem, dry, odd, rows) {
  const told = errorsByPlace(problem);
  const foreseen = errorsByPlace(problem ? null : dry);
  const at = (path, text) => text.startsWith(`${path}:`);
  const joined = (name) => [...(told.base[name] ?? []), ...(foreseen.base[name] ?? [])].join(" ") || null;
  return {
    base: { name: told.name.join(" ") || null, dataset: joined("dataset"), epochs: joined("epochs") },
    grid: told.grid,
    of: (path) => [...(told.rows[path] ?? []), ...foreseen.spec.filter((text) => at(path, text)).map((text) => ({ detail: text.slice(path.length + 2), place: 0 })), ...(problem ? [] : odd[path] ?? [])],
    others: [...told.spec, ...foreseen.spec.filter((text) => !rows.some((row) => at(row.path, text)))],
  };
}

// Sends the sweep, and goes to it: {submit, busy, problem, forgive}. Sent twice, it is made once.
function useSubmission(body) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const key = useMemo(idempotencyKey, [JSON.stringify(body)]);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const made = await post("/v1/sweeps", body, { headers: { "Idempotency-Key": key } });
      navigate(`/sweeps/${made.id}`);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  return { submit, busy, problem, forgive: () => setProblem(null) };
}

const offers = async (signal) => {
  const [recipes, datasets] = await Promise.all([get("/v1/recipes", {}, { signal }), get("/v1/datasets", {}, { signal })]);
  return { recipes: recipes.data, datasets: datasets.data.filter((each) => each.usable) };
};

export function SweepForm({ query, change }) {
  const from = query.get("from");
  const [fields, setFields] = useState({ name: "", dataset: query.get("dataset") ?? "", epochs: "" });
  const [rows, setRows] = useState([newRow("optimizer.learning_rate")]);
  const { value: offered } = useRead(offers, []);
  const base = useBase({ from, recipe: query.get("recipe"), dataset: fields.dataset || (from ? null : DATASET), epochs: fields.epochs });
  const grid = useMemo(() => readGrid(rows), [rows]);
  const { run: plain, problem: refused } = useDryRun(base.job ? null : base.spec);
  const spec = useMemo(() => (base.job || refused ? base.spec : plain && withNames(base.spec, grid.space, plain.spec)), [base.spec, base.job, refused, plain, grid]);
  const { submit, busy, problem, forgive } = useSubmission({ name: fields.name.trim() || null, spec, space: grid.space });
  const { run, problem: dry } = useDryRun(useMemo(() => spec && firstOf(spec, grid.space), [spec, grid]));
  const odd = useOddValues(spec, grid.space);
  const known = useMemo(() => fieldsOf(base.job?.spec ?? plain?.spec ?? {}), [plain, base.job]);
  const errors = placed(problem ?? base.problem, dry, odd, rows);
  const set = (values) => {
    forgive();
    setFields((old) => ({ ...old, ...values }));
  };
  const edit = (id, values) => {
    forgive();
    setRows((old) => old.map((row) => (row.id === id ? { ...row, ...values } : row)));
  };
  return html`<form class="sweeps-form" onSubmit=${submit} noValidate>
    <${Base} ...${{ base, fields, set, offered, run, query, change }} errors=${errors.base} />
    <${Grid} ...${{ rows, setRows, edit, known }} errorsOf=${errors.of} errors=${errors.grid} />
    ${errors.others.length > 0 && html`<ul class="sweeps-form-errors" role="alert">${errors.others.map((text) => html`<li key=${text} class="field-error">${text}</li>`)}</ul>`}
    <footer class="sweeps-form-foot"><${Outlook} ...${{ ...grid, run, spec }} />
      <span class="page-actions"><${Button} onClick=${() => change({ new: null, from: null, recipe: null })}>${t("common.cancel")}<//>
        <${Button} kind="primary" type="submit" busy=${busy} disabled=${!grid.jobs || grid.jobs > MOST || !spec}>${t("sweeps.start", { n: grid.jobs })}<//></span></footer>
  </form>`;
}
