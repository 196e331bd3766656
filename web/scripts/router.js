// Addresses: which view is shown, and the view's state in the query.
import { html } from "./dom.js";
import { signal, useSignal } from "./store.js";

const ROOT = document.documentElement.dataset.root;

// `decode(text)`, or the text itself where it is not encoded as it should be.
function decoded(text, decode = decodeURIComponent) {
  try {
    return decode(text);
  } catch {
    return text;
  }
}

const read = () => ({ path: decoded(location.pathname.slice(ROOT.length), decodeURI) || "/", search: location.search });

// {path, search}: the path without the root path.
export const place = signal(read());

addEventListener("popstate", () => place.set(read()));

// The address of a path of the page, such as "/jobs/job_1", as the browser needs it.
export const href = (path) => ROOT + path;

// Go to a path of the page. `replace`: without a new entry in the history.
export function navigate(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", href(path));
  const before = place.value.path;
  place.set(read());
  if (before !== place.value.path) scrollTo(0, 0);
}

// A link within the page. New tabs, windows and downloads are left to the browser.
export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return html`<a href=${href(to)} onClick=${follow} ...${rest}>${children}</a>`;
}

// The parameters of "/jobs/:id" in a path, or null where it does not match.
export function match(pattern, path) {
  const parts = path.split("/");
  const wanted = pattern.split("/");
  if (parts.length !== wanted.length) return null;
  const found = {};
  for (const [at, each] of wanted.entries()) {
    if (each.startsWith(":") && parts[at]) found[each.slice(1)] = decoded(parts[at]);
    else if (each !== parts[at]) return null;
  }
  return found;
}

// The query as URLSearchParams, and a function that changes it: change({status: ["running"], sort: null}). null and ""
// take a parameter away. The change replaces the address, so that "back" leaves the view; with `push` it does not.
export function useQuery() {
  const search = useSignal(place, (each) => each.search);
  const change = (values, { push = false } = {}) => {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      next.delete(name);
      for (const each of Array.isArray(value) ? value : [value]) {
        if (each !== null && each !== undefined && each !== "") next.append(name, each);
      }
    }
    const text = next.toString();
    navigate(place.value.path + (text && `?${text}`), { replace: !push });
  };
  return [new URLSearchParams(search), change];
}
