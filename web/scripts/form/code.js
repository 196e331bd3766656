// The same submission as a command, a program, a file: live.
import { html, useId, useState } from "../dom.js";
import { session } from "../session.js";
import { t } from "../text.js";
import { Code, Tabs } from "../components/basics.js";
import * as equivalents from "./equivalents.js";

const FORMS = ["curl", "python", "cli", "yaml", "json"];
const NAMES = { curl: "curl", python: "Python", yaml: "YAML", json: "JSON" };
const nameOf = (form) => NAMES[form] ?? t(`form.code_${form}`);
const ADDRESS = location.origin + document.documentElement.dataset.root;

export function Equivalents({ body }) {
  const [form, setForm] = useState("curl");
  const id = useId();
  const given = { address: ADDRESS, keyed: Boolean(session.value.caller?.keys_required) };
  const keyed = given.keyed && (form === "python" || form === "cli");
  return html`<section class="form-code" aria-labelledby=${id}><h2 id=${id}>${t("form.equivalents")}</h2>
    <${Tabs} label=${t("form.equivalents")} selected=${form} select=${setForm} tabs=${FORMS.map((each) => [each, nameOf(each)])} />
    <div data-equivalent=${form}><${Code} text=${equivalents[form](body, given)} label=${nameOf(form)} /></div>
    <p class="field-hint">${t(`form.code_${form}_text`)}${keyed && ` ${t("form.code_key")}`}</p>
  </section>`;
}
