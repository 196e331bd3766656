// The form itself: its state, the dry run, the submission.
import { html, useEffect, useMemo, useReducer, useRef, useState } from "../dom.js";
import { post } from "../api.js";
import { Link, navigate } from "../router.js";
import { useSignal } from "../store.js";
import { t } from "../text.js";
import { valueWords } from "../compare/fields.js";
import { Button } from "../components/basics.js";
import { Equivalents } from "./code.js";
import { bodyOf, forgetDraft, keyFor, store } from "./draft.js";
import { useDryRun } from "./dry_run.js";
import { Recipes } from "./choosers.js";
import { names, titleOf } from "./names.js";
import { Model, baseOf, modelOf, underRecipe, useModel } from "./model.js";
import { Changes, Errors, Essence, Facts } from "./panel.js";
import { leaves, resolve } from "./resolve.js";
import { Common, groupOf, Rest } from "./settings.js";

const errorsOf = (problem) => (problem?.errors?.length ? problem.errors : problem?.status === 422 ? [{ pointer: "", detail: problem.detail }] : []);

// Submits once, however often it is asked. Problems that are not about the fields are told beside the button.
function useSubmission(draft, setDraft, text) {
  const [state, setState] = useState({ busy: false, problem: null, text: null });
  const busy = useRef(false);
  const submit = async () => {
    if (busy.current) return;
    busy.current = true;
    const sent = keyFor(draft, text);
    setDraft({ ...draft, sent });
    store({ ...draft, sent });
    setState({ busy: true, problem: null, text });
    try {
      const job = await post("/v1/jobs", JSON.parse(text), { headers: { "Idempotency-Key": sent.key } });
      forgetDraft();
      navigate(`/jobs/${job.id}`);
    } catch (problem) {
      busy.current = false;
      setState({ busy: false, problem, text });
    }
  };
  return { ...state, submit };
}

function useFields(root, goToField) {
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState(new Set());
  const wanted = useRef(null);
  const [, redraw] = useReducer((n) => n + 1, 0);
  const toggle = (id) => setOpen((old) => (old.has(id) ? new Set([...old].filter((each) => each !== id)) : new Set([...old, id])));
  const goTo = (field) => {
    const group = groupOf(root, field.name);
    if (group) setOpen((old) => new Set([...old, group]));
    setSearch("");
    wanted.current = field.name;
    redraw(); // also where nothing opens: the field is gone to once it is drawn
  };
  useEffect(() => {
    if (!wanted.current) return;
    goToField(wanted.current);
    wanted.current = null;
  });
  return { search, setSearch, open, toggle, goTo };
}

function focusField(name) {
  const place = document.querySelector(`.form [data-field="${name}"]`);
  place?.scrollIntoView({ block: "center" });
  place?.querySelector("input:not([type=radio]), input:checked, select, textarea")?.focus({ preventScroll: true });
}

// The changes of an address, such as those of a finding, above the form that they are in: each leads to its field.
function Suggestions({ suggested, goTo }) {
  const model = useModel();
  return html`<ul class="form-suggestions">${Object.entries(suggested).map(([name, value]) => {
    const field = model.shown.get(name.replace(/\.name$/, "")) ?? model.shown.get(name);
    const words = html`${field ? titleOf(field) : name.replace(/^spec\./, "")}: <b class="user-text">${valueWords(value)}</b>`;
    return html`<li key=${name}>${field ? html`<button type="button" onClick=${() => goTo(field)}>${words}</button>` : words}</li>`;
  })}</ul>`;
}

// What is said above the form: where its values come from, and a first job for who is new here.
function Beginning({ draft, change, startOver, lists, goTo }) {
  const said = leaves(draft.values).filter(([name]) => name !== "spec.dataset");
  const suggested = Object.keys(draft.suggested).length;
  const digits = lists.datasets.some((each) => each.name === "digits" && each.usable);
  if (said.length || draft.from) {
    return html`<div class="form-note"><span>
      ${draft.from ? html`${t("form.from_job")} <${Link} to=${`/jobs/${draft.from.id}`} class="user-text">${draft.from.name ?? draft.from.id}<//>. ` : t("form.kept")}
      ${suggested > 0 && ` ${t("form.suggested_count", { n: suggested })}`}</span>
      <${Button} kind="quiet" onClick=${startOver}>${t("form.start_over")}<//>
      ${suggested > 0 && html`<${Suggestions} suggested=${draft.suggested} goTo=${goTo} />`}</div>`;
  }
  if (!digits) return null;
  const first = { name: t("form.first_name"), spec: { dataset: "digits", architecture: { name: "resnet20" }, epochs: 5 } };
  return html`<p class="form-note form-first"><span>${t("form.first")}</span><${Button} onClick=${() => change(first)}>${t("form.first_fill")}<//></p>`;
}

export function Form({ root, lists, start, startOver }) {
  useSignal(names);
  const [draft, setDraft] = useState(start);
  const change = (values) => setDraft((old) => ({ ...old, values: { spec: {}, ...values } }));
  const { values, suggested } = draft;
  const resolved = useMemo(() => resolve(root, values, lists.recipes), [values]);
  const { recipe, dataset } = resolved.spec;
  const base = useMemo(() => baseOf(root, lists.recipes, { recipe, dataset }), [recipe, dataset]);
  const body = useMemo(() => bodyOf(root, values, resolved), [values]);
  const text = JSON.stringify(body);
  const dry = useDryRun(text);
  const submission = useSubmission(draft, setDraft, text);
  const fields = useFields(root, focusField);
  useEffect(() => store(draft), [draft]);

  const refused = submission.text === text ? submission.problem : null;
  const problem = dry.problem ?? (refused?.status === 422 ? refused : null);
  const errors = problem ? errorsOf(problem) : (dry.answer?.conflicts ?? []);
  const current = !dry.checking && !dry.problem ? dry.answer : null;
  const model = modelOf({ root, lists, values, told: resolved, base, suggested, errors, change, answer: current });
  const state = dry.checking ? "checking" : errors.length ? "wrong" : problem ? "unknown" : "ready";
  const button = html`<${Button} kind="primary" class="form-submit" busy=${submission.busy} onClick=${submission.submit}>
    ${submission.busy ? t("form.submitting") : values.repeats > 1 ? t("form.submit_many", { n: values.repeats }) : t("form.submit")}<//>`;
  return html`<${Model.Provider} value=${model}>
    <div class="form">
      <form class="form-main" noValidate onSubmit=${(event) => event.preventDefault()}>
        <${Beginning} draft=${draft} change=${change} startOver=${startOver} lists=${lists} goTo=${fields.goTo} />
        <${Recipes} recipes=${lists.recipes} chosen=${values.spec.recipe ?? null} choose=${(name) => change(underRecipe(root, lists.recipes, values, name))} />
        <${Common} />
        <${Rest} ...${fields} />
      </form>
      <aside class="form-side" aria-label=${t("form.would_be")}>
        <div class="form-job">
          <div class="form-job-head"><h2>${t("form.would_be")}</h2>
            <span class="form-state" data-state=${state} role="status">${t(`form.state_${state}`, { n: errors.length })}</span></div>
          ${(errors.length > 0 || problem) && html`<${Errors} errors=${errors} problem=${problem} goTo=${fields.goTo} />`}
          <div class="form-submit-row">${button}</div>
          ${refused && refused.status !== 422 && html`<p class="form-problem" role="alert">${refused.status === 0 ? t("form.lost") : refused.detail}</p>`}
          <div class="form-facts-wrap" data-old=${dry.checking || Boolean(dry.problem)}><${Facts} answer=${dry.answer} workers=${lists.workers} /></div>
          <${Changes} />
        </div>
        <${Equivalents} body=${body} />
      </aside>
      <div class="form-bar"><span class="form-bar-text">${errors.length ? html`<b class="form-bar-wrong">${t("form.state_wrong", { n: errors.length })}</b>` : html`<${Essence} answer=${dry.answer} />`}</span>${button}</div>
    </div>
  <//>`;
}
