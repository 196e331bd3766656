// What the job leaves: model, checkpoints, curves, report, and all else that can be saved.
import { html, useEffect, useMemo, useState } from "../dom.js";
import { all, download } from "../api.js";
import { Link } from "../router.js";
import { throttle, useSignal } from "../store.js";
import { bytes, loss, percent, t } from "../text.js";
import { Button, Copyable, ErrorPanel, Time, useRead } from "../components/basics.js";
import { toastProblem } from "../components/overlays.js";

const save = (path, name) => download(path, name).catch(toastProblem);

const heads = (names) => html`<thead><tr>${names.map(([name, kind]) => (name ? html`<th scope="col" class=${kind}>${t(`job.${name}`)}</th>` : html`<td></td>`))}</tr></thead>`;

function Model({ job }) {
  const { value, problem, reload } = useRead((signal) => all("/v1/models", { job: job.id }, { signal }), [job.id, job.status]);
  if (problem) return problem.status === 404 ? null : html`<${ErrorPanel} problem=${problem} retry=${reload} />`;
  const models = value ?? [];
  return html`<section><h2>${t("job.model")}</h2>
    ${!models.length && html`<p class="muted">${t(job.weights ? "job.model_deleted" : "job.no_model")}</p>`}
    ${models.map((model) => html`<div key=${model.id}>
      <p class="job-model-line"><${Link} to=${`/models/${model.id}`}>${t("job.open_model")}<//> <code>${model.id}</code> ${model.names.map((each) => html`<span class="tag user-text">${typeof each === "string" ? each : each.name}</span>`)}
        <${Button} kind="quiet" onClick=${() => save(model.links.archive, `${model.id}.zip`)}>${t("job.archive")}<//></p>
      <div class="table-wrap" tabindex="0" role="group" aria-label=${t("job.model")}><table class="table job-files">${heads([["file"], ["size", "num"], ["sha"], [""]])}<tbody>
        ${model.files.map((file) => html`<tr key=${file.name}><th scope="row" class="user-text">${file.name}</th><td class="num">${bytes(file.bytes)}</td>
          <td><code title=${file.sha256}>${file.sha256.slice(0, 12)}…</code><${Copyable} text=${file.sha256} label=${t("job.copy_sha")} /></td>
          <td class="num"><${Button} onClick=${() => save(file.url, file.name)} aria-label=${`${t("common.download")} ${file.name}`}>${t("common.download")}<//></td></tr>`)}
      </tbody></table></div></div>`)}
  </section>`;
}

function Checkpoints({ model, job }) {
  const [state, setState] = useState({ rows: null, problem: null });
  const version = useSignal(model.curves, (each) => each.version);
  const read = useMemo(() => throttle(() => all(`${model.path}/checkpoints`).then((rows) => setState({ rows, problem: null }), (problem) => setState((old) => ({ ...old, problem }))), 3000), [model]);
  useEffect(() => {
    read();
    return read.cancel;
  }, [version, job.status]);
  return html`<section class="section"><h2>${t("job.checkpoints")}</h2>
    ${state.problem && html`<${ErrorPanel} problem=${state.problem} retry=${read} />`}
    ${state.rows && !state.rows.length && html`<p class="muted">${t("job.no_checkpoints")}</p>`}
    ${state.rows?.length > 0 && html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("job.checkpoints")}><table class="table job-files">${heads([["checkpoint"], ["next_step"], ["test_loss", "num"], ["test_accuracy", "num"], ["written"], ["size", "num"], [""]])}<tbody>
      ${state.rows.map((each) => html`<tr key=${each.name}><th scope="row" class="user-text">${each.name}${!each.usable && html` <span class="tag">${t("job.unusable")}</span>`}</th>
        <td>${t("job.epoch_step", { epoch: each.epoch, step: each.step })}</td>
        <td class="num">${loss(each.metrics?.test_loss ?? null)}</td><td class="num">${percent(each.metrics?.test_accuracy ?? null)}</td>
        <td><${Time} at=${each.created_at} absolute /></td><td class="num">${bytes(each.size_bytes)}</td>
        <td class="num"><${Button} onClick=${() => save(each.download, each.name.replace("/", "-"))} aria-label=${`${t("common.download")} ${each.name}`}>${t("common.download")}<//></td></tr>`)}
    </tbody></table></div>`}
  </section>`;
}

// [text, path, name]: what else can be saved.
function others({ path }, job) {
  return [
    ["file_metrics", `${path}/metrics?format=csv&limit=10000`, "csv"],
    ["file_steps", `${path}/steps?format=csv&limit=10000`, "steps.csv"],
    ["file_png", `${path}/curves.png`, "png"],
    ["file_svg", `${path}/curves.svg`, "svg"],
    ["file_tensorboard", `${path}/tensorboard.zip`, "tensorboard.zip"],
    ["file_manifest", `${path}/manifest`, "manifest.json"],
    ["file_log", `${path}/log`, "log"],
    job.predictions && ["file_predictions", job.predictions.download, "predictions.safetensors"],
  ].filter(Boolean);
}

export default function Files({ model, job }) {
  return html`
    <${Model} job=${job} />
    <${Checkpoints} model=${model} job=${job} />
    <section class="section"><h2>${t("job.report_and_curves")}</h2>
      <p class="job-report"><${Button} kind="primary" onClick=${() => save(`${model.path}/report`, `${job.id}-report.html`)}>${t("job.save_report")}<//>
        <span class="muted">${t("job.report_text")}</span></p>
      <ul class="job-others">${others(model, job).map(([text, path, end]) => html`<li key=${text}><${Button} onClick=${() => save(path, `${job.id}.${end}`)}>${t(`job.${text}`)}<//><small class="muted">${t(`job.${text}_text`)}</small></li>`)}</ul>
    </section>`;
}
