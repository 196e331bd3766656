// The log as text: its last lines, which follow while the job runs, and a way to all of it.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../dom.js";
import { download, fetchResponse } from "../api.js";
import { useSignal } from "../store.js";
import { number, t } from "../text.js";
import { Button, ErrorPanel } from "../components/basics.js";

const LINES = 400;
const PAUSE = 1500; // milliseconds between two readings, at least
const COST = 20; // a log that takes long is read less often: it takes a twentieth of the time

// The last lines of a text that is read piece by piece: {lines, count}.
async function tail(path, signal) {
  const response = await fetchResponse("GET", path, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let lines = [];
  let count = 0;
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const found = (rest + value).split("\n");
    rest = found.pop();
    count += found.length;
    lines = [...lines, ...found.slice(-LINES)].slice(-LINES);
  }
  if (rest) lines.push(rest);
  return { lines, count: count + (rest ? 1 : 0) };
}

function useTail(model, final) {
  const [state, setState] = useState({ lines: null, count: 0, problem: null });
  const version = useSignal(model.curves, (each) => each.version);
  const wanted = useRef();
  wanted.current = version;
  useEffect(() => {
    const abort = new AbortController();
    let timer;
    let seen = null;
    const look = async () => {
      let pause = PAUSE;
      if (wanted.current !== seen && !document.hidden) {
        const begun = performance.now();
        seen = wanted.current;
        try {
          const found = await tail(`${model.path}/log`, abort.signal);
          setState({ ...found, problem: null });
        } catch (problem) {
          if (problem.name === "AbortError") return;
          seen = null;
          setState((old) => ({ ...old, problem }));
        }
        pause = Math.max(PAUSE, COST * (performance.now() - begun));
      }
      if (!abort.signal.aborted) timer = setTimeout(look, pause);
    };
    look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [model, final]);
  return state;
}

export default function Log({ model, job, final }) {
  const { lines, count, problem } = useTail(model, final);
  const box = useRef();
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
  };
  return html`<section class="job-log">
    <div class="job-settings-head"><p class="muted">${lines && (count > lines.length ? t("job.last_lines", { n: number(lines.length), all: number(count) }) : t("job.lines", { n: count }))}</p>
      <${Button} onClick=${() => download(`${model.path}/log`, `${job.id}.log`)}>${t("job.whole_log")}<//></div>
    ${problem && html`<${ErrorPanel} problem=${problem} />`}
    <pre class="job-log-text" ref=${box} tabindex="0" role="log" aria-live="off" aria-label=${t("job.tab_log")} onScroll=${scrolled}>${lines ? lines.join("\n") || t("job.log_empty") : t("common.loading")}</pre>
  </section>`;
}
