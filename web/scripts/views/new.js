// A form that submits a job: made of the service's own schema.
import { html, useEffect, useState } from "../dom.js";
import { all, get } from "../api.js";
import { Link, useQuery } from "../router.js";
import { may } from "../session.js";
import { useSignal } from "../store.js";
import { language, t } from "../text.js";
import { Empty, ErrorPanel, Loading, useRead } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { forgetDraft } from "../form/draft.js";
import { Form } from "../form/form.js";
import { loadNames } from "../form/names.js";
import { beginning, fresh } from "../form/prefill.js";
import { readSchema } from "../form/schema.js";

// A list that the form can do without: a key may not read it, or the service does not have it.
const optional = (reading) => reading.then((found) => found.data ?? found, () => []);

async function read(signal, query) {
  const [root, recipes, datasets, architectures, workers, models] = await Promise.all([
    readSchema(),
    get("/v1/recipes", {}, { signal }),
    all("/v1/datasets", {}, { signal }),
    optional(get("/v1/architectures", {}, { signal })),
    optional(get("/v1/workers", {}, { signal })),
    optional(get("/v1/models", { limit: 100 }, { signal })),
    loadNames(),
  ]);
  const lists = { recipes: Object.fromEntries(recipes.data.map((each) => [each.name, each])), datasets, architectures, workers, models };
  return { root, lists, start: await beginning(root, lists, query) };
}

function Loaded({ query }) {
  const { value, problem, reload } = useRead((signal) => read(signal, query), []);
  const [start, setStart] = useState(null);
  const shown = useSignal(language);
  useEffect(() => void loadNames(), [shown]);
  const [round, setRound] = useState(0);
  if (problem) return html`<${ErrorPanel} problem=${problem} retry=${reload}>${query.size > 0 && html`<p><${Link} to="/new">${t("form.empty_form")}<//></p>`}<//>`;
  if (!value) return html`<${Loading} />`;
  const startOver = async () => {
    forgetDraft();
    setStart(await fresh(value.root, value.lists, query));
    setRound(round + 1);
  };
  return html`<${Form} key=${round} root=${value.root} lists=${value.lists} start=${start ?? value.start} startOver=${startOver} />`;
}

export default function New() {
  useTitle(t("form.title"));
  const [query] = useQuery();
  const train = may("train");
  return html`<div class="form-view"><header class="page-header"><div><h1>${t("form.title")}</h1><p class="muted">${t("form.lead")}</p></div></header>
    ${train ? html`<${Loaded} key=${query.toString()} query=${query} />` : html`<${Empty} title=${t("form.no_scope")}>${t("form.no_scope_text")}<//>`}</div>`;
}
