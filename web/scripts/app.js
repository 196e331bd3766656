// Starts the page: language, caller, address, and around the view the shell.
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./dom.js";
import { Problem } from "./api.js";
import * as live from "./live.js";
import { Link, href, match, place } from "./router.js";
import { begin, forget, may, session } from "./session.js";
import { once, useSignal } from "./store.js";
import { LANGUAGES, chooseLanguage, language, t, useLanguage } from "./text.js";
import { Button, ErrorPanel, Loading } from "./components/basics.js";
import { Questions, Toasts } from "./components/overlays.js";
import { Login } from "./components/login.js";

// Which view an address has. A view's module is loaded when it is first shown.
const VIEWS = [
  ["/", "jobs"],
  ["/jobs", "jobs"],
  ["/jobs/latest", "latest"],
  ["/jobs/:id", "job"],
  ["/compare", "compare"],
  ["/new", "new"],
  ["/datasets", "datasets"],
  ["/datasets/:name", "dataset"],
  ["/datasets/:name/:version", "dataset"],
  ["/models", "models"],
  ["/models/:id", "model"],
  ["/experiments", "experiments"],
  ["/experiments/:name", "experiments"],
  ["/sweeps", "sweeps"],
  ["/sweeps/:id", "sweep"],
  ["/workers", "workers"],
  ["/settings", "settings"],
];

const NAVIGATION = ["jobs", "experiments", "sweeps", "datasets", "models", "workers", "settings"];

const loading = {};
const loaded = {};

// Read the module of a view.
const read = (name) =>
  (loading[name] ??= import(`./views/${name}.js`).then(
    (module) => {
      loaded[name] = module.default;
    },
    (error) => {
      loading[name] = null;
      throw error;
    },
  ));

// Read the module of a view that is to be shown. After an upgrade of the service, what an open page has not loaded yet is
// gone: then the new page takes its place. `again`: it failed before, since the service was not reached; a browser may keep
// that failure, then the page is loaded anew.
async function load(name, again = false) {
  try {
    await read(name);
  } catch (error) {
    const assets = await servedAssets();
    if (assets === null) throw new Problem(0);
    if (again || assets !== document.documentElement.dataset.assets) location.reload();
    throw error;
  }
}

// Where the service has the page's files now; null where it does not answer with a page.
async function servedAssets() {
  try {
    const page = await (await fetch(href("/"), { cache: "no-cache", credentials: "omit" })).text();
    return /data-assets="([^"]*)"/.exec(page)?.[1] ?? null;
  } catch {
    return null; // it cannot be reached
  }
}

// While nothing else is to be done, read the other views, one after the other: they open at once then, and also while the
// service is away.
const whenIdle = globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 1000));
const readAhead = once(() => {
  const names = [...new Set(VIEWS.map(([, name]) => name))];
  const next = () => {
    const name = names.find((each) => !loaded[each]);
    if (name) read(name).then(() => whenIdle(next), () => {}); // where it fails, it is read when it is shown
  };
  if (!navigator.connection?.saveData) whenIdle(next);
});

// What is shown at a path: {name, parameters}.
function viewAt(path) {
  for (const [pattern, name] of VIEWS) {
    const parameters = match(pattern, path);
    if (parameters) return { name, parameters };
  }
  return { name: null, parameters: {} };
}

function View() {
  const path = useSignal(place, (each) => each.path);
  const { name, parameters } = viewAt(path);
  const [, drawn] = useState(0);
  const [failure, setFailure] = useState(null);
  const [fault, forgive] = useErrorBoundary();
  const Shown = loaded[name];
  const show = (wanted, again) => load(wanted, again).then(() => drawn((n) => n + 1), (problem) => {
    if (viewAt(place.value.path).name === wanted) setFailure(problem);
  });
  useEffect(() => {
    forgive();
    setFailure(null);
    // It may have been loaded between drawing and this effect: then it is drawn, too.
    if (name && !Shown) show(name);
  }, [path]);
  useEffect(() => {
    if (Shown) readAhead();
  }, [Shown]);
  if (!name) return html`<div class="empty"><h1>${t("common.no_page")}</h1><p><${Link} to="/jobs">${t("common.to_jobs")}<//></p></div>`;
  if (!fault && failure?.status === 0 && !Shown) return html`<${ErrorPanel} page problem=${failure} retry=${() => show(name, true)} />`;
  if (fault || (failure && !Shown)) {
    const problem = { status: -1, title: t("common.fault"), detail: String((fault || failure).message), errors: [] };
    if (fault) console.error(fault);
    return html`<${ErrorPanel} page problem=${problem} retry=${() => location.reload()} />`;
  }
  return Shown ? html`<${Shown} key=${path} ...${parameters} />` : html`<${Loading} />`;
}

function Connection() {
  const state = useSignal(live.connection);
  if (state === "open" || state === "closed") return html`<span class="connection" data-state=${state}></span>`;
  return html`<span class="connection" data-state=${state} role="status">${state === "lost" ? t("common.reconnecting") : ""}</span>`;
}

function Caller() {
  const caller = useSignal(session, (each) => each.caller);
  if (!caller?.keys_required) return null;
  return html`<span class="shell-caller" title=${caller.key.scopes.join(", ")}>${caller.key.name ?? caller.key.id}
    <${Button} kind="quiet" onClick=${() => forget()}>${t("common.log_out")}<//></span>`;
}

function Header() {
  const path = useSignal(place, (each) => each.path);
  const current = viewAt(path).name;
  const ready = useSignal(session, (each) => each.state === "ready");
  const shown = useSignal(language);
  const nav = useRef();
  useEffect(() => {
    // Not by scrollIntoView, after which the first Tab would go on from there, and not to the link that skips all this.
    const link = nav.current?.querySelector("[aria-current]");
    if (link) nav.current.scrollLeft = link.offsetLeft - nav.current.offsetLeft - (nav.current.clientWidth - link.clientWidth) / 2;
  }, [path, ready]);
  const isCurrent = (name) => current === name || `${current}s` === name || (name === "jobs" && (current === "compare" || current === "latest"));
  return html`<header class="shell-header">
    <a class="skip" href="#content" onClick=${(event) => {
      event.preventDefault();
      document.getElementById("content").focus();
    }}>${t("common.skip")}</a>
    <${Link} to="/" class="shell-brand" aria-label=${t("common.home")}>Epochal<//>
    ${ready && html`<nav class="shell-nav" ref=${nav} aria-label=${t("common.navigation")}>${NAVIGATION.map(
      (name) => html`<${Link} to=${`/${name}`} data-label=${t(`common.nav_${name}`)} aria-current=${isCurrent(name) ? "page" : undefined}>${t(`common.nav_${name}`)}<//>`,
    )}</nav>`}
    <div class="shell-end">
      <${Caller} />
      <a class="shell-api" href=${href("/docs")}>${t("common.api")}</a>
      <select class="shell-language" aria-label=${t("common.language")} value=${shown} onChange=${(event) => chooseLanguage(event.target.value)}>
        ${Object.entries(LANGUAGES).map(([name, label]) => html`<option value=${name}>${label}</option>`)}
      </select>
      ${ready && current !== "new" && may("train") && html`<${Link} to="/new" class="button button-primary">${t("common.new_job")}<//>`}
    </div>
  </header>`;
}

function Page() {
  useSignal(language); // everything is drawn again in another language
  const { state, problem } = useSignal(session);
  useEffect(() => {
    if (state === "ready") live.start();
    else live.stop({ forget: true });
  }, [state]);
  const inside = {
    loading: () => html`<${Loading} />`,
    unreachable: () => html`<${ErrorPanel} problem=${problem} retry=${begin} />`,
    login: () => html`<${Login} />`,
    ready: () => html`<${View} />`,
  };
  return html`<${Header} /><main class="shell-main" id="content" tabindex="-1">${inside[state]()}</main><${Connection} /><${Toasts} /><${Questions} />`;
}

load(viewAt(place.value.path).name ?? "jobs").catch(() => {}); // meanwhile language and caller; a failure is shown by View
await useLanguage();
const app = document.getElementById("app");
app.replaceChildren();
render(html`<${Page} />`, app);
await begin();
