// uPlot is loaded when the first chart is drawn. Its small build is a classic script, which sets a global.
const ASSETS = document.documentElement.dataset.assets;
let loading = null;

export function loadUPlot() {
  loading ??= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = `${ASSETS}/vendor/uPlot.css`;
    const script = document.createElement("script");
    script.src = `${ASSETS}/vendor/uPlot.js`;
    script.onload = () => resolve(globalThis.uPlot);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error(script.src));
    };
    document.head.append(style, script);
  });
  return loading;
}
