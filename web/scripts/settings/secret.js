// A secret that is shown once.
import { html } from "../dom.js";
import { t } from "../text.js";
import { Button, Code } from "../components/basics.js";
import { Dialog } from "../components/overlays.js";

export const Secret = ({ title, secret, hint, close }) => html`<${Dialog} title=${title} close=${close}>
  <p>${t("settings.shown_once")}</p>
  <${Code} text=${secret} label=${title} />
  ${hint && html`<p class="small muted">${hint}</p>`}
  <footer class="dialog-footer"><${Button} kind="primary" onClick=${close}>${t("settings.have_it")}<//></footer>
<//>`;
