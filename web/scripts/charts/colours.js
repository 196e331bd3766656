// Colours of the style sheet, as canvases need them.
import { signal } from "../store.js";

// Changes when the system turns from light to dark or back: charts draw themselves anew.
export const dark = signal(matchMedia("(prefers-color-scheme: dark)").matches);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => dark.set(event.matches));

// The colour of "--series-test", or the colour itself where it is none of the style sheet's names.
export const colour = (name) =>
  name.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() : name;

// The colour of the n-th of several jobs, from 0.
export const colourName = (n) => `--c${(n % 10) + 1}`;

export function faint(value, alpha = 0.28) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}
