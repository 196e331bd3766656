// Small observable values, for what several components share.
import { useEffect, useReducer, useRef } from "./dom.js";

// A value that tells its subscribers when it is set. `update` takes a function of the old value.
export function signal(value) {
  const subscribers = new Set();
  return {
    get value() {
      return value;
    },
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const each of [...subscribers]) each(value);
    },
    update(change) {
      this.set(change(value));
    },
    subscribe(subscriber) {
      subscribers.add(subscriber);
      return () => subscribers.delete(subscriber);
    },
  };
}

// The value of a signal, or of `select(value)`; the component is drawn again when that has changed.
export function useSignal(source, select = (value) => value) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const shown = useRef();
  shown.current = select(source.value);
  useEffect(() => {
    const look = () => Object.is(select(source.value), shown.current) || redraw();
    look(); // it may have changed between drawing and this effect
    return source.subscribe(look);
  }, [source]);
  return shown.current;
}

// Call `fn` at most once in `milliseconds`, and once more at the end with the last arguments.
export function throttle(fn, milliseconds) {
  let timer = null;
  let last = -Infinity;
  let args;
  const run = () => {
    timer = null;
    last = performance.now();
    fn(...args);
  };
  const throttled = (...given) => {
    args = given;
    if (timer === null) timer = setTimeout(run, Math.max(0, last + milliseconds - performance.now()));
  };
  throttled.cancel = () => {
    clearTimeout(timer);
    timer = null;
  };
  return throttled;
}

// Call `fn` when `milliseconds` have passed without another call.
export function debounce(fn, milliseconds) {
  let timer;
  const debounced = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), milliseconds);
  };
  debounced.cancel = () => clearTimeout(timer);
  return debounced;
}

// A function that calls `fn` the first time alone.
export function once(fn) {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    fn();
  };
}
