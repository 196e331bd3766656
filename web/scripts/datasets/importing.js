// Images that lie where the workers can read them: the operator says from where. The API does not tell that beforehand.
import { html, useState } from "../dom.js";
import { post } from "../api.js";
import { Button, ErrorPanel, Field } from "../components/basics.js";
import { navigate } from "../router.js";
import { t } from "../text.js";
import { NAME } from "./picking.js";

export function ImportPlace() {
  const [source, setSource] = useState("");
  const [name, setName] = useState("");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const made = await post(`/v1/datasets/${name}/imports`, { source: source.trim() });
      navigate(`/datasets/${made.name}/${made.version}`);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  return html`<details class="datasets-import"><summary>${t("datasets.import")}</summary>
    <form class="datasets-import-form" onSubmit=${submit}>
      <${Field} label=${t("datasets.import_source")} hint=${t("datasets.import_hint")}>${(control) => html`<input ...${control} class="mono" required value=${source} placeholder="s3://bucket/prefix" spellcheck=${false} onInput=${(event) => setSource(event.target.value)} />`}<//>
      <${Field} label=${t("datasets.name")} error=${name && !NAME.test(name) ? t("datasets.name_rule") : null}>${(control) => html`<input ...${control} class="mono" required value=${name} maxlength="64" spellcheck=${false} onInput=${(event) => setName(event.target.value)} />`}<//>
      <${Button} type="submit" busy=${busy} disabled=${!source.trim() || !NAME.test(name)}>${t("datasets.import_go")}<//>
      ${problem && html`<${ErrorPanel} problem=${problem} />`}
    </form></details>`;
}
