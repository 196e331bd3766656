// Asks the service what the job would be, while somebody types.
import { useEffect, useReducer, useRef, useState } from "../dom.js";
import { post } from "../api.js";

const PAUSE = 250;
const AGAIN = 4_000; // after an error that is not about the request
const OLD = 30_000; // the place in the queue changes

// {answer, problem, checking}: the last answer stays while the next is awaited. `problem` is what is wrong with this body.
export function useDryRun(text) {
  const [state, setState] = useState({ answer: null, problem: null, checkedText: null });
  const [round, again] = useReducer((n) => n + 1, 0);
  const first = useRef(true);
  useEffect(() => {
    if (text === null) return undefined;
    const abort = new AbortController();
    let later = null;
    const ask = async () => {
      try {
        const answer = await post("/v1/jobs?dry_run=true", JSON.parse(text), { signal: abort.signal });
        setState({ answer, problem: null, checkedText: text });
        later = setTimeout(() => document.hidden || again(), OLD);
      } catch (problem) {
        if (abort.signal.aborted) return;
        setState((old) => ({ answer: old.answer, problem, checkedText: text }));
        if (problem.status !== 422) later = setTimeout(again, AGAIN);
      }
    };
    const timer = setTimeout(ask, first.current ? 0 : PAUSE);
    first.current = false;
    return () => {
      clearTimeout(timer);
      clearTimeout(later);
      abort.abort();
    };
  }, [text, round]);
  useEffect(() => {
    const look = () => document.hidden || again();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return { ...state, checking: state.checkedText !== text };
}
