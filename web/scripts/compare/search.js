// Jobs that are searched for while somebody writes.
import { useEffect, useMemo, useRef, useState } from "../dom.js";
import { get } from "../api.js";
import { debounce } from "../store.js";

const PAUSE = 150; // milliseconds without a key
const READ = 40;

// Jobs whose name, id or tag has `text`, the newest first; without what repeats another job.
async function search(text, signal) {
  const { data } = await get("/v1/job-summaries", { search: text.trim() || null, limit: READ }, { signal });
  return data.filter((row) => !row.parent?.startsWith("job_"));
}

// {rows, failed, look}: `rows` is null until those for the text of the last `look(text)` have come.
export function useJobSearch() {
  const [state, setState] = useState({ rows: null, failed: null });
  const abort = useRef(null);
  const later = useMemo(() => debounce((text) => {
    abort.current = new AbortController();
    search(text, abort.current.signal).then(
      (rows) => setState({ rows, failed: null }),
      (problem) => problem.name === "AbortError" || setState({ rows: [], failed: problem }),
    );
  }, PAUSE), []);
  const stop = () => {
    later.cancel();
    abort.current?.abort();
  };
  useEffect(() => stop, []);
  const look = (text) => {
    stop();
    setState({ rows: null, failed: null });
    later(text);
  };
  return { ...state, look };
}
