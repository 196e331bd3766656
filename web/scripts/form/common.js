// The one thing that the page says of single fields: which are common, in which order, and where a learner wants a
// sentence (form.hint_NAME of the texts, dots as underscores). Everything else is made from the schema.

// Sections in view: [text key, names of fields].
export const COMMON = [
  ["section_data", ["spec.dataset", "spec.architecture"]],
  ["section_training", ["spec.epochs", "spec.batch_size", "spec.optimizer", "spec.optimizer.learning_rate", "spec.schedule", "spec.schedule.warmup_epochs"]],
  ["section_overfitting", ["spec.augmentation.crop", "spec.augmentation.flip", "spec.optimizer.weight_decay", "spec.regularisation.label_smoothing", "spec.validation_fraction"]],
  ["section_job", ["name", "tags", "spec.seed", "repeats"]],
];

// Folded groups of the fields that are not parts: all others are in "run". Parts are groups of their own.
const GROUPS = {
  "spec.image_size": "data", "spec.resize": "data", "spec.unreadable_images": "data", "spec.validation_fold": "data", "spec.placement": "data",
  "spec.starting_weights": "weights", "spec.freeze": "weights", "spec.starting_weights_learning_rate_factor": "weights",
};

const ORDER = ["spec.architecture", "spec.optimizer", "spec.schedule", "spec.augmentation", "spec.regularisation", "data", "weights", "run", "spec.checkpoints", "job"];

const isCommon = new Set(COMMON.flatMap(([, names]) => names));

// Fields with a place of their own: the recipe is chosen first.
const ELSEWHERE = new Set(["spec", "spec.recipe"]);

export const inView = (name) => isCommon.has(name) || ELSEWHERE.has(name);

// The folded groups: [{id, part, fields}], where `part` is the field of a part, for its title.
export function groupsOf(root) {
  const groups = new Map(ORDER.map((id) => [id, { id, part: null, fields: [] }]));
  const add = (id, field, part = null) => {
    if (!groups.has(id)) groups.set(id, { id, part, fields: [] });
    const group = groups.get(id);
    group.part ??= part;
    if (field) group.fields.push(field);
  };
  for (const field of root.fields) {
    if (field.name !== "spec") add("job", field);
    else {
      for (const each of field.fields) {
        const part = (each.type === "object" || each.type === "kinds") && !each.nullable;
        add(part ? each.name : (GROUPS[each.name] ?? "run"), part ? null : each, part ? each : null);
      }
    }
  }
  return [...groups.values()];
}
