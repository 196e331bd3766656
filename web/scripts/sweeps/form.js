// Make a sweep: a job or a recipe to begin with, and lists of values.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { get, idempotencyKey, post } from "../api.js";
import { debounce } from "../store.js";
import { navigate } from "../router.js";
import { duration, number, t } from "../text.js";
import { Button, Field, useRead } from "../components/basics.js";
import { JobPicker } from "../compare/picker.js";
import { nameOf } from "../compare/parts.js";
import { fieldWords, valueWords } from "../compare/fields.js";
import { errorsByPlace, fieldsOf, firstOf, readGrid, readValues } from "./grid.js";

const MOST = 100;
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
  const epochs = "epochs" in space ? space.epochs.reduce((sum, each) => sum + Number(each), 0) * (jobs / space.epochs.length) : jobs * (run?.spec.epochs ?? spec?.epochs ?? 0);
  return html`<div class="sweeps-outlook" role="status"><p><b>${counts.length > 1 ? `${counts.join(" × ")} = ` : ""}${t("common.jobs_count", { n: jobs })}</b>${epochs > 0 && Number.isFinite(epochs) ? html`, ${t("common.epochs_count", { n: epochs })}` : ""}</p>
    ${jobs > MOST ? html`<p class="field-error">${t("sweeps.too_many", { n: jobs, most: MOST })}</p>`
      : seconds && html`<p class="muted">${t("sweeps.estimate", { time: duration(Math.round(seconds)), device: pace.device })}</p>`}</div>`;
}

export function SweepForm({ query, change }) {
  const [from, recipe] = [query.get("from"), query.get("recipe") ?? ""];
  const [name, setName] = useState("");
  const [dataset, setDataset] = useState(query.get("dataset") ?? "");
  const [epochs, setEpochs] = useState("");
  const [rows, setRows] = useState([newRow("optimizer.learning_rate")]);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const { value: offered } = useRead(async (signal) => {
    const [recipes, datasets] = await Promise.all([get("/v1/recipes", {}, { signal }), get("/v1/datasets", {}, { signal })]);
    return { recipes: recipes.data, datasets: datasets.data.filter((each) => each.usable) };
  }, []);
  const base = useBase({ from, recipe, dataset: dataset || (from ? null : "digits"), epochs });
  const grid = useMemo(() => readGrid(rows), [rows]);
  const first = useMemo(() => base.spec && firstOf(base.spec, grid.space), [base.spec, grid]);
  const { run, problem: dry } = useDryRun(first);
  const { run: plain } = useDryRun(base.job ? null : base.spec);
  const fields = useMemo(() => fieldsOf(base.job?.spec ?? plain?.spec ?? {}), [plain, base.job]);
  const errors = errorsByPlace(problem ?? base.problem);
  const dryErrors = errorsByPlace(problem ? null : dry);
  const edit = (id, values) => {
    setProblem(null);
    setRows((old) => old.map((row) => (row.id === id ? { ...row, ...values } : row)));
  };
  const rowErrors = (path) => [...(errors.rows[path] ?? []), ...(dryErrors.spec.filter((text) => text.startsWith(`${path}:`)).map((detail) => ({ detail: detail.slice(path.length + 2), place: 0 })))];
  const others = [...errors.spec, ...dryErrors.spec.filter((text) => !rows.some((row) => text.startsWith(`${row.path}:`)))];
  const body = { name: name.trim() || null, spec: base.spec, space: grid.space };
  const key = useMemo(idempotencyKey, [JSON.stringify(body)]); // sent twice, it is made once
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
  const paths = [...new Set([...SUGGESTED, ...fields.map(([path]) => path)])];
  return html`<form class="sweeps-form" onSubmit=${submit} noValidate>
    <section><h2>${t("sweeps.form_base")}</h2>
      <div class="sweeps-form-grid">
        <div class="field"><span class="sweeps-label">${t("sweeps.from_job")}</span>
          ${from ? html`<p class="sweeps-from"><span class="user-text">${base.job ? nameOf(base.job) : from}</span><${Button} kind="quiet" onClick=${() => change({ from: null })}>${t("sweeps.other")}<//></p>`
            : html`<${JobPicker} label=${t("sweeps.from_job")} placeholder=${t("sweeps.from_job_hint")} choose=${(row) => change({ from: row.id, recipe: null })} />`}</div>
        ${!from && html`<${Field} label=${t("sweeps.from_recipe")}>${(control) => html`<select ...${control} value=${recipe} onChange=${(event) => change({ recipe: event.target.value })}>
          <option value="">${t("sweeps.no_recipe")}</option>${(offered?.recipes ?? []).map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select>`}<//>`}
        <${Field} label=${t("sweeps.dataset")} error=${[...(errors.base.dataset ?? []), ...(dryErrors.base.dataset ?? [])].join(" ") || null}>${(control) => html`<select ...${control} value=${dataset || base.job?.dataset.name || "digits"} onChange=${(event) => setDataset(event.target.value)}>
          ${(offered?.datasets ?? []).map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select>`}<//>
        <${Field} label=${t("sweeps.epochs")} error=${(errors.base.epochs ?? dryErrors.base.epochs ?? []).join(" ") || null}>${(control) => html`<input ...${control} inputmode="numeric" value=${epochs}
          placeholder=${run ? number(run.spec.epochs) : ""} onInput=${(event) => setEpochs(event.target.value.replace(/\D/g, ""))} />`}<//>
        <${Field} label=${t("sweeps.name")} error=${errors.name.join(" ") || null}>${(control) => html`<input ...${control} value=${name} maxlength="200" onInput=${(event) => setName(event.target.value)} />`}<//>
      </div></section>
    <section><h2>${t("sweeps.form_grid")}</h2><p class="muted">${t("sweeps.form_grid_text")}</p>
      <datalist id="sweeps-paths">${paths.map((path) => html`<option key=${path} value=${path}>${[...fieldWords(path)].reverse().filter(Boolean).join(" › ")}</option>`)}</datalist>
      ${rows.map((row, n) => html`<${RowField} key=${row.id} ...${{ row, fields, n: n + 1 }} single=${rows.length === 1} errors=${rowErrors(row.path)}
        change=${(values) => edit(row.id, values)} remove=${() => setRows((old) => old.filter((each) => each.id !== row.id))} />`)}
      ${errors.grid.length > 0 && html`<p class="field-error">${errors.grid.join(" ")}</p>`}
      <p><${Button} onClick=${() => setRows((old) => [...old, newRow()])}>${t("sweeps.add_row")}<//></p></section>
    ${others.length > 0 && html`<ul class="sweeps-form-errors" role="alert">${others.map((text) => html`<li key=${text} class="field-error">${text}</li>`)}</ul>`}
    <footer class="sweeps-form-foot"><${Outlook} ...${{ ...grid, run, spec: base.spec }} />
      <span class="page-actions"><${Button} onClick=${() => change({ new: null, from: null, recipe: null })}>${t("common.cancel")}<//>
        <${Button} kind="primary" type="submit" busy=${busy} disabled=${!grid.jobs || grid.jobs > MOST || !base.spec}>${t("sweeps.start", { n: grid.jobs })}<//></span></footer>
  </form>`;
}
