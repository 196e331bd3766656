// Where messages about jobs are sent, and whether they arrived.
import { html, useState } from "../dom.js";
import { all, del, get, patch, post } from "../api.js";
import { schema } from "../openapi.js";
import { t } from "../text.js";
import { Button, Code, Empty, ErrorPanel, Field, Loading, Status, Time, useRead } from "../components/basics.js";
import { Dialog, Menu, confirm, toast, toastProblem } from "../components/overlays.js";
import { Secret } from "./secret.js";

const at = (problem, name) => problem?.errors?.find((each) => each.pointer?.startsWith(`#/${name}`))?.detail;
const SIGNS = { delivered: "succeeded", pending: "queued", failed: "failed" };
const USUAL = ["job.succeeded", "job.failed"];

function Edit({ webhook, close, done }) {
  const types = useRead(async () => (await schema("WebhookCreate")).properties.events.items.enum, []);
  const [values, setValues] = useState({ url: webhook?.url ?? "", description: webhook?.description ?? "", events: webhook?.events ?? USUAL });
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const toggle = (type) => setValues({ ...values, events: values.events.includes(type) ? values.events.filter((each) => each !== type) : [...values.events, type] });
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const body = { ...values, description: values.description || null };
    try {
      done(await (webhook ? patch(`/v1/webhooks/${webhook.id}`, body) : post("/v1/webhooks", body)));
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${webhook ? t("settings.change_webhook") : t("settings.new_webhook")} close=${close}><form class="settings-form" onSubmit=${save}>
    ${problem && !problem.errors?.length && html`<${ErrorPanel} problem=${problem} />`}
    <${Field} label=${t("settings.url")} hint=${t("settings.url_hint")} error=${at(problem, "url")}>${(control) => html`<input ...${control} type="url" required value=${values.url} onInput=${(event) => setValues({ ...values, url: event.target.value })} />`}<//>
    <${Field} label=${t("settings.description")} error=${at(problem, "description")}>${(control) => html`<input ...${control} value=${values.description} onInput=${(event) => setValues({ ...values, description: event.target.value })} />`}<//>
    <fieldset class="settings-events"><legend>${t("settings.events")}</legend>
      ${(types.value ?? values.events).map((type) => html`<label class="check" key=${type}><input type="checkbox" checked=${values.events.includes(type)} onChange=${() => toggle(type)} /> <code>${type}</code></label>`)}
      ${at(problem, "events") && html`<p class="field-error">${at(problem, "events")}</p>`}</fieldset>
    <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.cancel")}<//><${Button} kind="primary" type="submit" busy=${busy} disabled=${!values.events.length}>${t("common.save")}<//></footer>
  </form><//>`;
}

function Deliveries({ webhook, close }) {
  const path = `/v1/webhooks/${webhook.id}/deliveries`;
  const found = useRead((signal) => get(path, { limit: 100 }, { signal }), [path]);
  const [open, setOpen] = useState(null);
  const again = async (delivery) => {
    try {
      await post(`${path}/${delivery.id}/redeliver`);
      setTimeout(found.reload, 700);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return html`<${Dialog} wide title=${t("settings.deliveries")} close=${close}>
    <p class="muted user-text">${webhook.url}</p>
    ${found.problem && html`<${ErrorPanel} problem=${found.problem} retry=${found.reload} />`}
    ${!found.value && !found.problem && html`<${Loading} />`}
    ${found.value?.data.length === 0 && html`<p class="muted">${t("settings.no_deliveries")}</p>`}
    ${found.value?.data.length > 0 && html`<div class="table-wrap" tabindex="0" role="group" aria-label=${t("settings.deliveries")}><table class="table"><thead><tr><th scope="col">${t("settings.state")}</th><th scope="col">${t("settings.type")}</th><th scope="col">${t("settings.answer")}</th><th scope="col" class="num">${t("settings.attempts")}</th><th scope="col">${t("settings.made")}</th><th></th></tr></thead>
      <tbody>${found.value.data.map((each) => html`<tr key=${each.id}><td><${Status} status=${SIGNS[each.status]} word=${t(`settings.${each.status}`)} /></td><td><code>${each.type}</code></td>
        <td class="user-text">${each.response_status ?? ""} ${each.error ?? ""}</td><td class="num">${each.attempts}</td><td><${Time} at=${each.created_at} /></td>
        <td><${Button} kind="quiet" onClick=${() => setOpen(open === each.id ? null : each.id)} aria-expanded=${open === each.id}>${t("settings.payload")}<//><${Button} kind="quiet" onClick=${() => again(each)}>${t("settings.redeliver")}<//></td></tr>
        ${open === each.id && html`<tr><td colspan="6"><${Code} text=${JSON.stringify(each.payload, null, 2)} label=${t("settings.payload")} /></td></tr>`}`)}</tbody></table></div>
      <p><${Button} onClick=${found.reload}>${t("settings.refresh")}<//></p>`}
  <//>`;
}

export function Webhooks() {
  const webhooks = useRead((signal) => all("/v1/webhooks", { limit: 100 }, { signal }), []);
  const [editing, setEditing] = useState(null);
  const [looking, setLooking] = useState(null);
  const [secret, setSecret] = useState(null);
  const attempt = async (act, said) => {
    try {
      const answer = await act();
      webhooks.reload();
      if (said) toast(said);
      return answer;
    } catch (problem) {
      return toastProblem(problem);
    }
  };
  const remove = async (each) => {
    const sure = await confirm({ title: t("settings.delete_webhook"), text: t("settings.delete_webhook_text", { url: each.url }), action: t("settings.delete_webhook_act"), danger: true });
    if (sure) attempt(() => del(`/v1/webhooks/${each.id}`));
  };
  const rotate = async (each) => {
    const sure = await confirm({ title: t("settings.rotate"), text: t("settings.rotate_text"), action: t("settings.rotate") });
    const made = sure && (await attempt(() => post(`/v1/webhooks/${each.id}/rotate-secret`)));
    if (made?.secret) setSecret(made.secret);
  };
  const ping = async (each) => {
    if (await attempt(() => post(`/v1/webhooks/${each.id}/ping`), t("settings.pinged"))) setTimeout(() => setLooking(each), 700);
  };
  if (webhooks.problem && !webhooks.value) return html`<${ErrorPanel} problem=${webhooks.problem} retry=${webhooks.reload} />`;
  if (!webhooks.value) return html`<${Loading} />`;
  const add = html`<${Button} kind="primary" onClick=${() => setEditing({})}>${t("settings.new_webhook")}<//>`;
  return html`${webhooks.value.length === 0 ? html`<${Empty} title=${t("settings.no_webhooks")} actions=${add}>${t("settings.no_webhooks_hint")}<//>` : html`
    <p class="page-actions">${add}</p>
    <ul class="settings-cards">${webhooks.value.map((each) => html`<li class="settings-card" key=${each.id}>
      <header><h2 class="settings-url user-text">${each.url}</h2><${Menu} kind="quiet" label=${t("common.more")} items=${[
        { label: t("settings.ping"), hint: t("settings.ping_hint"), act: () => ping(each), disabled: !each.enabled },
        { label: t("settings.change_webhook"), act: () => setEditing(each) },
        { label: each.enabled ? t("settings.disable") : t("settings.enable"), hint: each.enabled ? t("settings.disable_hint") : undefined, act: () => attempt(() => patch(`/v1/webhooks/${each.id}`, { enabled: !each.enabled })) },
        { label: t("settings.rotate"), act: () => rotate(each) },
        { label: t("common.delete"), danger: true, act: () => remove(each) },
      ]} /></header>
      ${each.description && html`<p class="user-text">${each.description}</p>`}
      <p>${each.events.map((type) => html`<span class="tag" key=${type}>${type}</span> `)}</p>
      <p class="small">${!each.enabled && html`<b>${t("settings.disabled")}</b> · `}<span class="muted">${t("settings.made")} <${Time} at=${each.created_at} /></span></p>
      <p><${Button} onClick=${() => setLooking(each)}>${t("settings.deliveries")}<//></p></li>`)}</ul>`}
    ${editing && html`<${Edit} webhook=${editing.id ? editing : null} close=${() => setEditing(null)} done=${(made) => {
      setEditing(null);
      webhooks.reload();
      if (made.secret) setSecret(made.secret);
    }} />`}
    ${looking && html`<${Deliveries} webhook=${looking} close=${() => setLooking(null)} />`}
    ${secret && html`<${Secret} title=${t("settings.webhook_secret")} secret=${secret} hint=${t("settings.webhook_secret_hint")} close=${() => setSecret(null)} />`}`;
}
