// Where the service wants a key: asked once, kept for the tab or by choice longer.
import { html, useState } from "../dom.js";
import { login, session } from "../session.js";
import { useSignal } from "../store.js";
import { t } from "../text.js";
import { Button, Field } from "./basics.js";

export function Login() {
  const refused = useSignal(session, (each) => each.problem);
  const [value, setValue] = useState("");
  const [keep, setKeep] = useState(false);
  const [problem, setProblem] = useState(refused);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await login(value.trim(), keep);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  const error = problem && ({ 0: t("common.unreachable"), 401: t("common.login_refused") }[problem.status] ?? problem.detail);
  return html`<form class="login" onSubmit=${submit}>
    <h1>${t("common.login_title")}</h1>
    <p>${t("common.login_text")}</p>
    <${Field} label=${t("common.login_key")} error=${error} hint=${t("common.login_hint")}>${(control) => html`<input type="password" ...${control}
      autocomplete="off" spellcheck="false" autofocus value=${value} onInput=${(event) => setValue(event.target.value)} />`}<//>
    <label class="check"><input type="checkbox" checked=${keep} onChange=${(event) => setKeep(event.target.checked)} /> ${t("common.login_keep")}</label>
    <${Button} kind="primary" type="submit" busy=${busy} disabled=${!value.trim()}>${t("common.login")}<//>
  </form>`;
}
