// A photograph of the computer's camera. Browsers allow it over https and on the same machine alone.
import { html, useEffect, useRef, useState } from "../dom.js";
import { Button } from "../components/basics.js";
import { Dialog } from "../components/overlays.js";
import { t } from "../text.js";

export const hasCamera = () => Boolean(globalThis.isSecureContext && navigator.mediaDevices?.getUserMedia);

export function Camera({ take, close }) {
  const video = useRef();
  const [state, setState] = useState("asking");
  useEffect(() => {
    let stream = null;
    let ended = false;
    const stop = () => stream?.getTracks().forEach((each) => each.stop());
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).then(
      (found) => {
        stream = found;
        if (ended) return stop();
        video.current.srcObject = found;
        return video.current.play().then(() => setState("ready"));
      },
      () => ended || setState("refused"),
    );
    return () => {
      ended = true;
      stop();
    };
  }, []);
  const shoot = () => {
    const { videoWidth: width, videoHeight: height } = video.current;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(video.current, 0, 0);
    canvas.toBlob((blob) => {
      take(blob);
      close();
    }, "image/jpeg", 0.92);
  };
  return html`<${Dialog} title=${t("models.photograph")} close=${close} wide=${true}>
    ${state === "refused" ? html`<p class="notice notice-warn">${t("models.camera_refused")}</p>` : html`<video class="models-video" ref=${video} muted playsinline aria-label=${t("models.camera")}></video>`}
    <footer class="dialog-footer"><${Button} onClick=${close}>${t("common.not_now")}<//><${Button} kind="primary" disabled=${state !== "ready"} onClick=${shoot}>${t("models.shoot")}<//></footer><//>`;
}
