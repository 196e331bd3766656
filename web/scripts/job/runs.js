// Who trained the job, when, how that ended, and what else has happened to it.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { get } from "../api.js";
import { throttle, useSignal } from "../store.js";
import { duration, hasText, number, t } from "../text.js";
import { Button, ErrorPanel, Time } from "../components/basics.js";

const endName = (reason) => (reason ? (hasText(`job.end_${reason}`) ? t(`job.end_${reason}`) : reason.replaceAll("_", " ")) : t("job.under_way"));

function Facts({ facts }) {
  const rows = [
    ["parameters", number(facts.parameters)],
    ["flops", number(facts.flops)],
    ["images", t("job.images_split", { train: number(facts.train_images), test: number(facts.test_images), validation: number(facts.validation_images) })],
    ["size", `${facts.image_size} × ${facts.image_size} × ${facts.channels}`],
    ["placement", facts.placement],
    ["precision", facts.precision],
    ["mode", `${facts.step.mode}, ${facts.step.memory_format.replaceAll("_", " ")}`],
    ["software", [facts.torch_version && `torch ${facts.torch_version}`, facts.cuda_version && `CUDA ${facts.cuda_version}`, facts.python_version && `Python ${facts.python_version}`].filter(Boolean).join(", ")],
    ["processor", facts.processor],
  ];
  return html`<details class="job-evidence"><summary>${t("job.facts")}</summary><dl>${rows.filter(([, value]) => value).map(
    ([name, value]) => html`<div><dt>${t(`job.fact_${name}`)}</dt><dd class="user-text">${value}</dd></div>`)}</dl></details>`;
}

function Attempt({ attempt }) {
  const end = attempt.ended_at ? Date.parse(attempt.ended_at) : Date.now();
  return html`<tr>
    <th scope="row" class="num">${attempt.number}</th>
    <td class="user-text">${attempt.worker}${attempt.facts && html`<${Facts} facts=${attempt.facts} />`}</td>
    <td class="user-text">${attempt.devices?.join(", ") ?? "–"}</td>
    <td><${Time} at=${attempt.started_at} absolute /></td>
    <td class="num">${duration((end - Date.parse(attempt.started_at)) / 1000)}</td>
    <td>${endName(attempt.end_reason)}</td>
    <td class="user-text">${attempt.resumed_from ? html`<code>${attempt.resumed_from}</code>` : t("job.from_start")}</td>
  </tr>`;
}

const SHOWN = 200;
const READ_EVERY = 1000;

// Events, the last first. Epochs are left out where `epochs` is false: they are in the curves.
function Events({ model }) {
  const [rows, setRows] = useState([]);
  const [shown, setShown] = useState(SHOWN);
  const [epochs, setEpochs] = useState(false);
  const [problem, setProblem] = useState(null);
  const happened = useSignal(model.happened);
  const version = useSignal(model.curves, (each) => each.version);
  const reader = useMemo(() => {
    const known = [];
    let busy = false;
    const again = throttle(async () => {
      if (busy) return void again();
      busy = true;
      try {
        for (let more = true; more; ) {
          const page = await get(`${model.path}/events`, { after: known.at(-1)?.id ?? 0, limit: 1000 });
          for (const { id, type, message, created_at } of page.data) known.push({ id, type, message, created_at });
          more = page.has_more;
        }
        setRows([...known]);
        setProblem(null);
      } catch (found) {
        setProblem(found);
      }
      busy = false;
    }, READ_EVERY);
    return again;
  }, [model]);
  useEffect(() => {
    reader();
    return reader.cancel;
  }, [happened, version]);
  const wanted = rows.filter((each) => epochs || each.type !== "epoch");
  const visible = wanted.slice(-shown).reverse();
  return html`<section class="section"><h2>${t("job.events")}</h2>
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${reader} />`}
    <label class="check job-events-check"><input type="checkbox" checked=${epochs} onChange=${(event) => setEpochs(event.target.checked)} /> ${t("job.with_epochs")}</label>
    <ol class="job-events">${visible.map((each) => html`<li key=${each.id}><${Time} at=${each.created_at} absolute /><span class="tag">${each.type.replaceAll("_", " ")}</span><span class="user-text">${each.message}</span></li>`)}</ol>
    ${wanted.length > shown && html`<${Button} onClick=${() => setShown(shown + SHOWN)}>${t("job.earlier_events", { n: wanted.length - shown })}<//>`}
  </section>`;
}

export default function Runs({ model, job }) {
  const heads = ["number", "worker", "device", "started", "lasted", "ended", "resumed"];
  return html`
    <section><h2>${t("job.attempts")}</h2>
      ${job.attempts.length ? html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("job.attempts")}><table class="table job-attempts">
        <thead><tr>${heads.map((name) => html`<th scope="col" class=${name === "number" || name === "lasted" ? "num" : undefined}>${t(`job.attempt_${name}`)}</th>`)}</tr></thead>
        <tbody>${job.attempts.map((each) => html`<${Attempt} key=${each.number} attempt=${each} />`)}</tbody></table></div>`
        : html`<p class="muted">${t("job.no_attempts")}</p>`}
    </section>
    <${Events} model=${model} />`;
}
