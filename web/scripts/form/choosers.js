// What is chosen with more than a word: recipe, data set, architecture, starting weights.
import { classes, html } from "../dom.js";
import { number, percent, short, t } from "../text.js";
import { Combobox } from "./combobox.js";
import { useModel } from "./model.js";

// 11,172,810 as "11.2 M".
export function amount(value) {
  for (const [size, sign] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${short(value / size, 3)} ${sign}`;
  }
  return number(value);
}

function resultOf(recipe) {
  const best = recipe.results.reduce((a, b) => (a && a.test_accuracy_mean >= b.test_accuracy_mean ? a : b), null);
  return best && { accuracy: percent(best.test_accuracy_mean, 1), of: t("form.recipe_result", best) };
}

// The recipes, the service's own defaults first.
export function Recipes({ recipes, chosen, choose }) {
  const model = useModel();
  const errors = model.wrong({ name: "spec.recipe" });
  const rows = [{ name: null, title: t("form.no_recipe"), description: t("form.no_recipe_text"), results: [] }, ...Object.values(recipes)];
  return html`<fieldset class="form-recipes" data-field="spec.recipe">
    <legend><h2>${t("form.recipe")}</h2></legend>
    <p class="form-lead">${t("form.recipe_text")}</p>
    <div class="form-recipe-list">${rows.map((each) => html`<${Recipe} key=${each.name} recipe=${each} checked=${each.name === chosen} choose=${choose} />`)}</div>
    ${errors.map((each) => html`<p class="field-error">${each.detail}</p>`)}
  </fieldset>`;
}

function Recipe({ recipe, checked, choose }) {
  const result = resultOf(recipe);
  return html`<label class=${classes("form-recipe", checked && "form-recipe-chosen")}>
    <input type="radio" name="recipe" value=${recipe.name ?? ""} checked=${checked} onChange=${() => choose(recipe.name)} />
    <span class="form-recipe-text"><span class="form-recipe-title">${recipe.title} ${recipe.name && html`<code>${recipe.name}</code>`}</span>
      <span class="form-recipe-about">${recipe.description}</span></span>
    ${result && html`<span class="form-recipe-result"><b>${result.accuracy}</b><span>${result.of}</span></span>`}
  </label>`;
}

const sizeOf = (each) => [
  each.train_images !== null && t("form.images", { n: number(each.train_images) }),
  each.classes !== null && t("form.classes", { n: number(each.classes) }),
  each.image_size !== null && `${each.image_size} × ${each.image_size}`,
].filter(Boolean).join(", ");

const datasetOption = (each) => ({ value: each.name, detail: each.usable ? sizeOf(each) : "", search: each.title, note: each.usable ? each.title : each.reason, disabled: !each.usable });

function Dataset({ field, control }) {
  const model = useModel();
  const options = [...model.lists.datasets].sort((a, b) => b.usable - a.usable).map(datasetOption);
  const set = (name) => (name ? model.set(field, name) : model.reset(field));
  return html`<${Combobox} control=${control} options=${options} free value=${model.value(field)} choose=${set} />`;
}

function Architecture({ field, control }) {
  const model = useModel();
  const options = [...field.kinds].map(([name, kind]) => {
    const size = model.lists.architectures.find((each) => each.name === name)?.sizes[0];
    return { value: name, search: kind.title, detail: size ? t("form.parameters_of", { n: amount(size.parameters) }) : "", note: kind.title };
  });
  return html`<${Combobox} control=${control} options=${options} value=${model.value(field)?.name} unsaid=${!model.isSaid(field)}
    choose=${(name) => model.choose(field, name)} />`;
}

const modelOption = (each) => ({
  value: each.names[0] ? `${each.names[0].name}@${each.names[0].version}` : each.id,
  detail: each.metrics?.test_accuracy != null ? percent(each.metrics.test_accuracy, 1) : "",
  note: [each.architecture, each.dataset].filter(Boolean).join(", "),
});

function Weights({ field, control }) {
  const model = useModel();
  const set = (name) => (name ? model.set(field, name) : model.reset(field));
  return html`<${Combobox} control=${control} options=${model.lists.models.map(modelOption)} free value=${model.said(field) ?? ""}
    placeholder=${t("form.none")} choose=${set} />`;
}

// Fields that have another control than their type's.
export const CHOOSERS = { "spec.dataset": Dataset, "spec.architecture": Architecture, "spec.starting_weights": Weights };
