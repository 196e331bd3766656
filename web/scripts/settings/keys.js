// API keys of the caller's project.
import { html, useState } from "../dom.js";
import { all, del, post } from "../api.js";
import { t } from "../text.js";
import { Button, Empty, ErrorPanel, Field, Loading, Time, useRead } from "../components/basics.js";
import { Dialog, confirm, toast, toastProblem } from "../components/overlays.js";
import { Secret } from "./secret.js";

const SCOPES = ["read", "train", "admin"];
const at = (problem, name) => problem?.errors?.find((each) => each.pointer?.startsWith(`#/${name}`))?.detail;

function NewKey({ caller, close, made }) {
  const [values, setValues] = useState({ name: "", scope: "train", project: "", expires: "" });
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const body = { name: values.name, scopes: [values.scope] };
    if (values.project) body.project = values.project;
    if (values.expires) body.expires_at = new Date(values.expires).toISOString();
    try {
      made(await post("/v1/keys", body));
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("settings.new_key")} close=${close}><form class="settings-form" onSubmit=${save}>
    ${problem && !problem.errors?.length && html`<${ErrorPanel} problem=${problem} />`}
    <${Field} label=${t("settings.key_name")} hint=${t("settings.key_name_hint")} error=${at(problem, "name")}>${(control) => html`<input ...${control} required value=${values.name} onInput=${set("name")} />`}<//>
    <${Field} label=${t("settings.scope")} hint=${t(`settings.scope_${values.scope}`)} error=${at(problem, "scopes")}>${(control) => html`<select ...${control} value=${values.scope} onChange=${set("scope")}>
      ${SCOPES.map((scope) => html`<option value=${scope}>${scope}</option>`)}</select>`}<//>
    ${caller.operator && html`<${Field} label=${t("settings.project")} hint=${t("settings.project_hint")} error=${at(problem, "project")}>${(control) => html`<input ...${control} placeholder=${caller.project.id} value=${values.project} onInput=${set("project")} />`}<//>`}
    <${Field} label=${t("settings.expires")} hint=${t("settings.expires_hint")} error=${at(problem, "expires_at")}>${(control) => html`<input ...${control} type="datetime-local" value=${values.expires} onInput=${set("expires")} />`}<//>
    <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.cancel")}<//><${Button} kind="primary" type="submit" busy=${busy}>${t("settings.make_key")}<//></footer>
  </form><//>`;
}

export function Keys({ caller }) {
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState(null);
  const keys = useRead((signal) => all("/v1/keys", { limit: 100 }, { signal }), []);
  const revoke = async (key) => {
    const text = key.id === caller.key?.id ? t("settings.revoke_own") : t("settings.revoke_text", { name: key.name });
    if (!(await confirm({ title: t("settings.revoke_title"), text, action: t("settings.revoke"), danger: true }))) return;
    try {
      await del(`/v1/keys/${key.id}`);
      toast(t("settings.revoked_now", { name: key.name }));
      keys.reload();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  if (keys.problem && !keys.value) return html`<${ErrorPanel} problem=${keys.problem} retry=${keys.reload} />`;
  if (!keys.value) return html`<${Loading} />`;
  const state = (key) => {
    if (key.revoked_at) return html`${t("settings.revoked")} <${Time} at=${key.revoked_at} />`;
    if (key.expires_at && Date.parse(key.expires_at) < Date.now()) return html`${t("settings.expired")} <${Time} at=${key.expires_at} />`;
    return key.expires_at ? html`${t("settings.until")} <${Time} at=${key.expires_at} absolute />` : t("settings.valid");
  };
  const add = html`<${Button} kind="primary" onClick=${() => setMaking(true)}>${t("settings.new_key")}<//>`;
  return html`${!caller.keys_required && html`<p class="notice">${t("settings.keyless")}</p>`}
    ${keys.value.length === 0 ? html`<${Empty} title=${t("settings.no_keys")} actions=${add}>${t("settings.no_keys_hint")}<//>` : html`
    <p class="page-actions">${add}</p>
    <div class="table-wrap" tabindex="0" role="group" aria-label=${t("settings.keys")}><table class="table">
      <thead><tr><th scope="col">${t("settings.key_name")}</th><th scope="col">${t("settings.scope")}</th><th scope="col">${t("settings.project")}</th><th scope="col">${t("settings.state")}</th><th scope="col">${t("settings.last_used")}</th><th scope="col">${t("settings.made")}</th><th></th></tr></thead>
      <tbody>${keys.value.map((key) => html`<tr key=${key.id}><th scope="row" class="user-text">${key.name}${key.id === caller.key?.id && html` <span class="tag">${t("settings.yours")}</span>`}<br /><small class="mono muted">${key.id}</small></th>
        <td>${key.scopes.join(", ")}</td><td class="user-text">${key.project}</td><td>${state(key)}</td>
        <td>${key.last_used_at ? html`<${Time} at=${key.last_used_at} />` : t("settings.never")}</td><td><${Time} at=${key.created_at} /></td>
        <td>${!key.revoked_at && html`<${Button} kind="quiet" onClick=${() => revoke(key)} aria-label=${`${t("settings.revoke")}: ${key.name}`}>${t("settings.revoke")}<//>`}</td></tr>`)}</tbody>
    </table></div>`}
    ${making && html`<${NewKey} caller=${caller} close=${() => setMaking(false)} made=${(key) => {
      setMaking(false);
      setSecret(key.key);
      keys.reload();
    }} />`}
    ${secret && html`<${Secret} title=${t("settings.your_key")} secret=${secret} hint=${t("settings.key_use")} close=${() => setSecret(null)} />`}`;
}
