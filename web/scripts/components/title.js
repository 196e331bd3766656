// The title of the browser's tab.
import { useEffect } from "../dom.js";

export function useTitle(text) {
  useEffect(() => {
    document.title = text ? `${text} · Epochal` : "Epochal";
  }, [text]);
}
