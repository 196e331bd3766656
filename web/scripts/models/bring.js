// Weights that somebody brings as a file, such as those of torchvision or timm.
import { html, useState } from "../dom.js";
import { fetchResponse, idempotencyKey, query } from "../api.js";
import { Button, ErrorPanel, Field } from "../components/basics.js";
import { Dialog } from "../components/overlays.js";
import { navigate } from "../router.js";
import { bytes, t } from "../text.js";

// "cat\ndog" or ["cat", "dog"] as the JSON that the API takes; null where there is nothing.
export function classesOf(text) {
  const said = text.trim();
  if (!said) return null;
  if (said.startsWith("[")) return said;
  return JSON.stringify(said.split("\n").map((each) => each.trim()).filter(Boolean));
}

const numbersOf = (text) => text.split(/[\s,;]+/).filter(Boolean);

export function Bring({ close }) {
  const [file, setFile] = useState(null);
  const [values, setValues] = useState({ name: "", classes: "", image_size: "", resize: "crop", mean: "", deviation: "" });
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const set = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const errorOf = (name) => problem?.errors?.find((each) => each.parameter === name)?.detail;
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    const { name, classes, image_size, resize, mean, deviation } = values;
    const asked = { name: name.trim(), classes: classesOf(classes), image_size, resize, mean: numbersOf(mean), deviation: numbersOf(deviation) };
    try {
      const headers = { "Content-Type": "application/octet-stream", "Idempotency-Key": idempotencyKey() };
      const made = await (await fetchResponse("POST", `/v1/models${query(asked)}`, { raw: file, headers })).json();
      navigate(`/models/${made.id}`);
    } catch (found) {
      setProblem(found);
      setBusy(false);
    }
  };
  const input = (name, rest = {}) => (control) => html`<input ...${control} ...${rest} value=${values[name]} onInput=${set(name)} />`;
  return html`<${Dialog} title=${t("models.bring")} close=${close}>
    <form class="models-bring" onSubmit=${submit}>
      <p class="muted">${t("models.bring_text")}</p>
      <${Field} label=${t("models.bring_file")} hint=${file && bytes(file.size)}>${(control) => html`<input type="file" ...${control} accept=".safetensors" required onChange=${(event) => setFile(event.target.files[0] ?? null)} />`}<//>
      <${Field} label=${t("models.name")} hint=${t("models.bring_name_hint")} error=${errorOf("name")}>${input("name", { maxlength: 64, spellcheck: false })}<//>
      <${Field} label=${t("models.bring_classes")} hint=${t("models.bring_classes_hint")} error=${errorOf("classes")}>${(control) => html`<textarea rows="3" ...${control} value=${values.classes} onInput=${set("classes")}></textarea>`}<//>
      <details><summary>${t("models.bring_input")}</summary><div class="models-bring-input">
        <${Field} label=${t("models.image_size")} hint=${t("models.bring_size_hint")} error=${errorOf("image_size")}>${input("image_size", { type: "number", min: 8, max: 1024 })}<//>
        <${Field} label=${t("models.resize")} error=${errorOf("resize")}>${(control) => html`<select ...${control} value=${values.resize} onChange=${set("resize")}>${["crop", "pad", "stretch"].map((each) => html`<option value=${each}>${t(`models.resize_${each}`)}</option>`)}</select>`}<//>
        <${Field} label=${t("models.mean")} hint=${t("models.mean_hint")} error=${errorOf("mean")}>${input("mean", { placeholder: "123.675 116.28 103.53" })}<//>
        <${Field} label=${t("models.deviation")} error=${errorOf("deviation")}>${input("deviation", { placeholder: "58.395 57.12 57.375" })}<//>
      </div></details>
      ${problem && html`<${ErrorPanel} problem=${problem}>${problem.rest?.hint && html`<p>${problem.rest.hint}</p>`}<//>`}
      <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.not_now")}<//><${Button} kind="primary" type="submit" busy=${busy} disabled=${!file}>${busy ? t("models.sending") : t("models.bring_go")}<//></footer>
    </form><//>`;
}
