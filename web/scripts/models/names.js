// Names of a model: versions, and aliases that move from one to another.
import { html, useState } from "../dom.js";
import { all, del, get, put } from "../api.js";
import { Button, ErrorPanel, Field, Time, useRead } from "../components/basics.js";
import { Dialog, confirm, toast, toastProblem } from "../components/overlays.js";
import { Link } from "../router.js";
import { may } from "../session.js";
import { t } from "../text.js";

const NAME = /^(?!mdl_)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ALIAS = /^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const pathOf = (name, alias) => `/v1/models/${encodeURIComponent(name)}/aliases${alias ? `/${encodeURIComponent(alias)}` : ""}`;

// `changed`: the model has other names or aliases now.
export function Names({ model, changed }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setProblem(null);
    try {
      const made = await put(`/v1/models/${name}/versions`, { model: model.id });
      setName("");
      toast(t("models.named", { name: `${made.name}@${made.version}` }));
      changed();
    } catch (found) {
      setProblem(found);
    }
  };
  const wrong = name && !NAME.test(name) ? t("models.name_rule") : problem?.detail;
  return html`<section class="section models-names"><h2>${t("models.names")}</h2>
    ${model.names.length === 0 && html`<p class="muted">${t("models.no_names")}</p>`}
    ${model.names.map((each) => html`<${Named} key=${each.name} named=${each} changed=${changed} />`)}
    ${may("train") && html`<form class="models-row" onSubmit=${submit}><${Field} label=${t("models.give_name")} error=${wrong} hint=${t("models.give_name_hint")}>${(control) => html`<input ...${control} class="mono" value=${name} maxlength="64" spellcheck=${false} autocomplete="off" onInput=${(event) => (setName(event.target.value), setProblem(null))} />`}<//>
      <${Button} type="submit" disabled=${!NAME.test(name)}>${t("models.give_name_go")}<//></form>`}
  </section>`;
}

function Named({ named, changed }) {
  const { name, version } = named;
  const aliases = useRead((signal) => get(pathOf(name), {}, { signal }), [name, version, named.aliases.join()]);
  const [alias, setAlias] = useState("");
  const [reason, setReason] = useState("");
  const [history, setHistory] = useState(null);
  const rows = aliases.value?.data ?? [];
  const move = async (which, to, why) => {
    const now = rows.find((each) => each.alias === which);
    if (now && now.version !== to && !(await confirm({ title: t("models.move_title", { alias: which }), text: t("models.move_text", { reference: `${name}@${which}`, from: now.version, to }), action: t("models.move") }))) return;
    try {
      await put(pathOf(name, which), { version: to, ...(why.trim() && { reason: why.trim() }) });
      setAlias("");
      setReason("");
      setHistory(null);
      toast(t("models.moved", { reference: `${name}@${which}`, n: to }));
      aliases.reload();
      changed();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const remove = async (which) => {
    if (!(await confirm({ title: t("models.remove_alias", { alias: which }), text: t("models.remove_alias_text", { reference: `${name}@${which}` }), action: t("models.remove"), danger: true }))) return;
    await del(pathOf(name, which)).catch(toastProblem);
    aliases.reload();
    changed();
  };
  return html`<div class="models-named" data-name=${name}>
    <p class="models-named-head"><strong class="mono user-text">${name}@${version}</strong> <${Link} to=${`/models?name=${encodeURIComponent(name)}`} class="small">${t("models.its_versions")}<//></p>
    ${aliases.problem && html`<${ErrorPanel} problem=${aliases.problem} retry=${aliases.reload} />`}
    ${rows.length > 0 && html`<ul class="models-aliases">${rows.map((each) => html`<li key=${each.alias}><span class="tag models-alias">${each.alias}</span>
      <span class=${each.version === version ? "" : "muted"}>${each.version === version ? t("models.stands_for_this") : html`<${Link} to=${`/models/${name}@${each.version}`}>${t("models.stands_for", { n: each.version })}<//>`}</span> <span class="muted small"><${Time} at=${each.moved_at} /></span>
      <span class="models-alias-acts">${may("train") && each.version !== version && html`<${Button} onClick=${() => move(each.alias, version, "")}>${t("models.move_here")}<//>`}
        <${Button} kind="quiet" onClick=${() => setHistory(each.alias)}>${t("models.history")}<//>${may("train") && html`<${Button} kind="quiet" onClick=${() => remove(each.alias)}>${t("models.remove")}<//>`}</span></li>`)}</ul>`}
    ${may("train") && html`<form class="models-row models-row-alias" onSubmit=${(event) => (event.preventDefault(), move(alias, version, reason))}>
      <${Field} label=${t("models.alias")} error=${alias && !ALIAS.test(alias) ? t("models.alias_rule") : null}>${(control) => html`<input ...${control} class="mono" value=${alias} placeholder="production" maxlength="64" spellcheck=${false} autocomplete="off" onInput=${(event) => setAlias(event.target.value)} />`}<//>
      <${Field} label=${t("models.reason")}>${(control) => html`<input ...${control} value=${reason} maxlength="1000" onInput=${(event) => setReason(event.target.value)} />`}<//>
      <${Button} type="submit" disabled=${!ALIAS.test(alias)}>${t("models.set_alias")}<//></form>`}
    ${history && html`<${History} name=${name} alias=${history} back=${(to) => move(history, to, t("models.went_back"))} close=${() => setHistory(null)} />`}
  </div>`;
}

function History({ name, alias, back, close }) {
  const read = useRead((signal) => all(`${pathOf(name, alias)}/history`, { limit: 100 }, { signal }), [name, alias]);
  const rows = read.value ?? [];
  return html`<${Dialog} title=${t("models.history_of", { reference: `${name}@${alias}` })} close=${close}>
    ${read.problem && html`<${ErrorPanel} problem=${read.problem} retry=${read.reload} />`}
    <table class="table"><thead><tr><th scope="col">${t("models.since")}</th><th scope="col">${t("models.version")}</th><th scope="col">${t("models.reason")}</th><th></th></tr></thead>
      <tbody>${rows.map((each, at) => html`<tr key=${at}><td><${Time} at=${each.moved_at} absolute=${true} /></td><td>${each.version ?? t("models.nothing")}</td><td class="user-text">${each.reason ?? ""}</td>
        <td class="num">${may("train") && at > 0 && each.version !== null && each.version !== rows[0].version && html`<${Button} onClick=${() => (close(), back(each.version))}>${t("models.back_to")}<//>`}</td></tr>`)}</tbody></table><//>`;
}
