// Images of a version on a sheet: as they are, and as a network sees them in each epoch.
import { html, useEffect, useRef, useState } from "../dom.js";
import { fetchResponse, get } from "../api.js";
import { Button, ErrorPanel, Field, Loading, Picture, useRead } from "../components/basics.js";
import { t } from "../text.js";
import { versionPath } from "./follow.js";
import { ClassChoice, Sheet } from "./images.js";

const POLICIES = ["autoaugment", "randaugment", "trivialaugment"];
const MOST_ASKS = 4; // a worker that is busy draws later: each request waits for 20 seconds

export function Samples({ version }) {
  const [seed, setSeed] = useState(0);
  const [name, setName] = useState("");
  const [split, setSplit] = useState("");
  const search = new URLSearchParams({ seed, ...(name && { class: name }), ...(split && { split }) });
  return html`<section class="section datasets-samples"><div class="datasets-classes-head"><h2>${t("datasets.samples")}</h2>
      <${ClassChoice} label=${t("datasets.class")} none=${t("datasets.all_classes")} names=${version.classes} value=${name} choose=${setName} />
      <select aria-label=${t("datasets.split")} value=${split} onChange=${(event) => setSplit(event.target.value)}>
        <option value="">${t("datasets.both_splits")}</option><option value="train">${t("datasets.split_train")}</option><option value="test">${t("datasets.split_test")}</option></select>
      <${Button} onClick=${() => setSeed(seed + 1)}>${t("datasets.others")}<//></div>
    <${Sheet} label=${t("datasets.samples")}><${Picture} class="datasets-sheet" path=${`${versionPath(version.name, version.version)}/samples.png?${search}`} alt=${t("datasets.samples_of", { name: name || version.name })} /><//>
  </section>`;
}

// The augmentation of a form's values; what is off is not in it.
function augmentationOf(values) {
  const found = {};
  if (values.crop > 0) found.crop = { padding: values.crop };
  if (values.flip) found.flip = true;
  if (values.policy) found.policy = values.policy;
  if (values.rotation > 0) found.rotation = { degrees: values.rotation };
  if (values.brightness > 0 || values.contrast > 0) found.colour = { brightness: values.brightness, contrast: values.contrast };
  if (values.cutout > 0) found.cutout = { size: values.cutout };
  if (values.mixup) found.mixup = {};
  if (values.cutmix) found.cutmix = {};
  return found;
}

const NOTHING = { crop: 0, flip: false, policy: "", rotation: 0, brightness: 0, contrast: 0, cutout: 0, mixup: false, cutmix: false };
const NUMBERS = [["crop", 0, 64, 1], ["rotation", 0, 180, 1], ["cutout", 0, 256, 1], ["brightness", 0, 1, 0.1], ["contrast", 0, 1, 0.1]];
const CHECKS = ["flip", "mixup", "cutmix"];

export function Augmentation({ version }) {
  const recipes = useRead(async (signal) => (await get("/v1/recipes", {}, { signal })).data.filter((each) => Object.keys(each.spec.augmentation ?? {}).length), []);
  const [recipe, setRecipe] = useState(null);
  const [values, setValues] = useState({ ...NOTHING, crop: 4, flip: true });
  const [seed, setSeed] = useState(0);
  const [side, setSide] = useState(version.image_size ?? 64);
  const chosen = recipes.value?.find((each) => each.name === recipe);
  const augmentation = chosen ? chosen.spec.augmentation : augmentationOf(values);
  const set = (name) => (value) => (setRecipe(null), setValues({ ...values, [name]: value }));
  return html`<div class="datasets-augmentation">
    <form class="datasets-augment-form" onSubmit=${(event) => event.preventDefault()}>
      <${Field} label=${t("datasets.of_recipe")} hint=${chosen?.description}>${(control) => html`<select ...${control} value=${recipe ?? ""} onChange=${(event) => setRecipe(event.target.value || null)}>
        <option value="">${t("datasets.own_choice")}</option>${(recipes.value ?? []).map((each) => html`<option value=${each.name}>${each.title}</option>`)}</select>`}<//>
      ${!chosen && html`<div class="datasets-augment-numbers">${NUMBERS.map(([name, least, most, step]) => html`<${Field} key=${name} label=${t(`datasets.augment_${name}`)}>${(control) => html`<input type="number" ...${control}
          min=${least} max=${most} step=${step} value=${values[name]} onInput=${(event) => Number.isFinite(event.target.valueAsNumber) && set(name)(event.target.valueAsNumber)} />`}<//>`)}</div>
        <${Field} label=${t("datasets.augment_policy")}>${(control) => html`<select ...${control} value=${values.policy} onChange=${(event) => set("policy")(event.target.value)}><option value="">${t("datasets.no_policy")}</option>${POLICIES.map((each) => html`<option value=${each}>${each}</option>`)}</select>`}<//>
        <div class="datasets-augment-checks">${CHECKS.map((name) => html`<label class="check" key=${name}><input type="checkbox" checked=${values[name]} onChange=${(event) => set(name)(event.target.checked)} /> ${t(`datasets.augment_${name}`)}</label>`)}</div>`}
      ${version.image_size === null && html`<${Field} label=${t("datasets.side")} hint=${t("datasets.side_hint")}>${(control) => html`<input type="number" ...${control} min="8" max="512" value=${side} onInput=${(event) => setSide(event.target.valueAsNumber)} />`}<//>`}
      <${Button} onClick=${() => setSeed(seed + 1)}>${t("datasets.others")}<//>
    </form>
    <${Drawn} version=${version} body=${{ augmentation, seed, count: 8, ...(version.image_size === null && { image_size: side }) }} />
  </div>`;
}

// A sheet that a worker draws. The picture before stays until the next one is there.
function Drawn({ version, body }) {
  const [picture, setPicture] = useState(null);
  const [problem, setProblem] = useState(null);
  const [waiting, setWaiting] = useState(true);
  const [round, setRound] = useState(0);
  const shown = useRef(null);
  const wanted = JSON.stringify(body);
  useEffect(() => () => shown.current && URL.revokeObjectURL(shown.current), []);
  useEffect(() => {
    const abort = new AbortController();
    setWaiting(true);
    const timer = setTimeout(async () => {
      try {
        const blob = await draw(`${versionPath(version.name, version.version)}/samples.png`, JSON.parse(wanted), abort.signal);
        if (abort.signal.aborted) return;
        if (shown.current) URL.revokeObjectURL(shown.current);
        shown.current = URL.createObjectURL(blob);
        setPicture(shown.current);
        setProblem(null);
      } catch (found) {
        if (abort.signal.aborted) return;
        setProblem(found);
      }
      setWaiting(false);
    }, 400);
    return () => (clearTimeout(timer), abort.abort());
  }, [wanted, round]);
  return html`<figure class="datasets-drawn" aria-busy=${waiting}>
    <figcaption class="muted">${t("datasets.augment_caption")}</figcaption>
    ${problem && html`<${ErrorPanel} problem=${problem} retry=${() => setRound(round + 1)} />`}
    ${waiting && html`<${Loading} label=${t("datasets.drawing")} />`}
    ${picture && !problem && html`<${Sheet} label=${t("datasets.tab_augmentation")}><img class="datasets-sheet" src=${picture} alt=${t("datasets.augment_caption")} data-stale=${waiting || undefined} /><//>`}
  </figure>`;
}

async function draw(path, body, signal) {
  for (let asked = 1; ; asked += 1) {
    try {
      return await (await fetchResponse("POST", path, { body, signal })).blob();
    } catch (problem) {
      if (problem.code !== "picture_not_drawn" || problem.status !== 503 || asked === MOST_ASKS) throw problem;
    }
  }
}
