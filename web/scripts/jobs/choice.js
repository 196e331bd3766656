// Which of the listed rows are chosen, for what is done with several at once.
import { useMemo, useRef, useState } from "../dom.js";

export function useChoice(ids) {
  const [chosen, setChosen] = useState(() => new Set());
  const last = useRef(null);
  const listed = useRef(ids);
  listed.current = ids;
  // What is not listed is not chosen: nobody would see what happens to it.
  const shown = useMemo(() => (chosen.size ? new Set(ids.filter((id) => chosen.has(id))) : chosen), [chosen, ids]);
  const current = useRef(shown);
  current.current = shown;
  const set = (next) => {
    current.current = next;
    setChosen(next);
  };
  const actions = useMemo(() => ({
    add: (more) => set(new Set([...current.current, ...more])),
    clear: () => set(new Set()),
    chooseAll: () => set(current.current.size === listed.current.length ? new Set() : new Set(listed.current)),
    choose(id, withRange) {
      const next = new Set(current.current);
      const [from, to] = [listed.current.indexOf(last.current), listed.current.indexOf(id)].sort((a, b) => a - b);
      if (withRange && from >= 0) listed.current.slice(from, to + 1).forEach((each) => next.add(each));
      else if (!next.delete(id)) next.add(id);
      last.current = id;
      set(next);
    },
  }), []);
  return { ids: shown, ...actions };
}
