// What is said where there is no job yet.
import { html } from "../dom.js";
import { address, key } from "../api.js";
import { Link } from "../router.js";
import { may } from "../session.js";
import { useSignal } from "../store.js";
import { t } from "../text.js";
import { Code } from "../components/basics.js";

const BODY = '{"name": "first", "spec": {"dataset": "digits",\n       "architecture": "resnet20", "epochs": 4}}';

function command(hasKey) {
  const lines = [`curl ${location.origin}${address("/v1/jobs")}`, "-H 'Content-Type: application/json'"];
  if (hasKey) lines.push('-H "Authorization: Bearer $EPOCHAL_API_KEY"');
  return [...lines, `-d '${BODY}'`].join(" \\\n  ");
}

export function First() {
  const hasKey = useSignal(key, Boolean);
  if (!may("train")) return html`<div class="jobs-first"><h1>${t("jobs.first_title")}</h1><p class="muted">${t("jobs.first_read_only")}</p></div>`;
  return html`<div class="jobs-first">
    <h1>${t("jobs.first_title")}</h1>
    <p class="muted">${t("jobs.first_text")}</p>
    <p class="jobs-first-actions"><${Link} to="/new" class="button button-primary">${t("jobs.first_form")}<//><${Link} to="/experiments" class="button">${t("jobs.first_experiments")}<//></p>
    <section><h2>${t("jobs.first_shell")}</h2><p class="muted">${t("jobs.first_curl")}</p><${Code} text=${command(hasKey)} label=${t("jobs.first_shell")} /></section>
    <section><p class="muted">${t("jobs.first_demo")}</p><${Code} text="make demo" label="make demo" /></section>
    <p class="small muted">${t("jobs.first_live")}</p>
  </div>`;
}
