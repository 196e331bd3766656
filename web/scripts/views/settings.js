// Keys, projects and webhooks: what the caller's key may see of them.
import { html } from "../dom.js";
import { useQuery } from "../router.js";
import { may, session } from "../session.js";
import { useSignal } from "../store.js";
import { t } from "../text.js";
import { Tabs } from "../components/basics.js";
import { useTitle } from "../components/title.js";
import { Keys } from "../settings/keys.js";
import { Projects } from "../settings/projects.js";
import { Webhooks } from "../settings/webhooks.js";

const PARTS = { projects: Projects, keys: Keys, webhooks: Webhooks };

export default function Settings() {
  useTitle(t("common.nav_settings"));
  const caller = useSignal(session, (each) => each.caller);
  const [query, change] = useQuery();
  const offered = Object.keys(PARTS).filter((name) => name === "projects" || may("admin", caller));
  const shown = offered.includes(query.get("part")) ? query.get("part") : offered[0];
  const Part = PARTS[shown];
  return html`<div class="page-header"><h1>${t("common.nav_settings")}</h1></div>
    <${Tabs} label=${t("common.nav_settings")} selected=${shown} select=${(part) => change({ part })} tabs=${offered.map((name) => [name, t(`settings.${name}`)])} />
    <div class="section settings-part"><${Part} caller=${caller} /></div>`;
}
