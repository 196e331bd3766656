// Which rows of a long list are in view, so that only these are drawn. The list scrolls by itself in a holder, or with
// the page.
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "../dom.js";

const MARGIN = 4; // rows drawn above and below what is in view
const COVERED = 92; // pixels that the page's header covers, where the page scrolls
const STEP = 2; // the range moves by as many rows at once

// Which of the drawn rows take over the elements of which: making elements costs more than filling them. A row that stays
// in view keeps its own; where all are others, the first takes those of the first.
function useSlots(from, to) {
  const slots = useRef({ count: 0, shift: 0, from: 0, to: 0 });
  const old = slots.current;
  const count = Math.max(old.count, to - from);
  const overlap = from < old.to && to > old.from;
  const shift = count !== old.count || overlap ? old.shift : old.shift + old.from - from;
  slots.current = { count, shift, from, to };
  return (index) => (((index + shift) % count) + count) % count;
}

// {from, to, slot(index), scrollTo(index)}: rows with the same slot may share elements. `holder` is a ref to what scrolls, `body` to what holds the rows; `byPage`: the page
// scrolls, not the holder. `head` pixels at the top of the holder cover rows.
export function useWindow({ holder, body, count, height, byPage, head = 0 }) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  const range = useRef({ from: 0, to: 0 });
  const look = useCallback(() => {
    if (!body.current) return;
    const top = byPage ? -body.current.getBoundingClientRect().top : holder.current.scrollTop;
    const size = byPage ? innerHeight : holder.current.clientHeight - head;
    const rangeWith = (margin) => ({
      from: Math.max(0, STEP * Math.floor((top / height - margin) / STEP)),
      to: STEP * Math.ceil(((top + size) / height + margin) / STEP),
    });
    const old = range.current;
    let next = rangeWith(MARGIN);
    if (next.from === old.from && next.to === old.to) return;
    if (next.from >= old.to || next.to <= old.from) {
      next = rangeWith(0); // all others: what is in view first
      requestAnimationFrame(look);
    }
    range.current = next;
    redraw();
  }, [height, byPage, head]);
  useLayoutEffect(() => {
    if (range.current.to > 0) return look();
    const frame = requestAnimationFrame(look); // what is around the rows first: each frame has little to do
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => {
    const source = byPage ? window : holder.current;
    const observer = new ResizeObserver(look);
    source.addEventListener("scroll", look, { passive: true });
    observer.observe(byPage ? document.documentElement : holder.current);
    return () => {
      source.removeEventListener("scroll", look);
      observer.disconnect();
    };
  }, [look]);
  const scrollTo = (index) => {
    const top = byPage ? -body.current.getBoundingClientRect().top + COVERED : holder.current.scrollTop;
    const size = byPage ? innerHeight - COVERED : holder.current.clientHeight - head;
    const wanted = index * height < top ? index * height : (index + 1) * height > top + size ? (index + 1) * height - size : null;
    if (wanted === null) return;
    if (byPage) scrollBy(0, wanted - top);
    else holder.current.scrollTop = wanted;
    look();
  };
  const from = Math.min(range.current.from, Math.max(0, STEP * Math.floor((count - 1) / STEP)));
  const to = Math.min(range.current.to, count);
  return { from, to, slot: useSlots(from, to), scrollTo };
}

// Rows that come in above what is in view do not move it.
export function useAnchor({ holder, body, ids, height, byPage, enabled }) {
  const before = useRef(ids);
  useLayoutEffect(() => {
    const old = before.current;
    before.current = ids;
    if (!enabled || old === ids || !body.current) return;
    const top = byPage ? -body.current.getBoundingClientRect().top : holder.current.scrollTop;
    if (top < height) return; // at the top, what is new is shown
    const id = old[Math.floor(top / height)];
    const moved = ids.indexOf(id) - Math.floor(top / height);
    if (id === undefined || !moved || ids.indexOf(id) < 0) return;
    if (byPage) scrollBy(0, moved * height);
    else holder.current.scrollTop += moved * height;
  }, [ids]);
}
