// preact and htm under one roof: views import from here and not from vendor/.
import { Fragment, createContext, createElement, render } from "preact";
import htm from "htm";

export { Fragment, createContext, render };
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";

// html`<p class=${name}>${text}</p>` makes preact nodes. Values become text or attributes, never markup.
export const html = htm.bind(createElement);

// Class names without those that are false: classes("row", selected && "row-selected").
export const classes = (...names) => names.filter(Boolean).join(" ");
