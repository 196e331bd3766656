// What stands at the ticks of an axis of values: as many places as tell one tick from the next. `step` is what lies
// between two of them; a logarithmic axis has none.
import { number, percent, scientific, short } from "../text.js";

const MOST = 8;

// Places behind the point in which multiples of `step` are exact.
function places(step) {
  for (let found = 0; found < MOST; found += 1) {
    const scaled = step * 10 ** found;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled)) return found;
  }
  return MOST;
}

export function tickPercent(value, step) {
  if (step) return percent(value, places(100 * step));
  return percent(value, Math.abs(100 * value - Math.round(100 * value)) < 0.01 ? 0 : 1);
}

const power = (value) => Math.floor(Math.log10(Math.abs(value)) + 1e-9);

export function tickLoss(value, step) {
  if (!step) return Math.abs(value) >= 1e5 ? scientific(value, 0) : short(value, 3);
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e5 || step < 1e-4) return scientific(value, Math.min(4, Math.max(0, power(value) - power(step))));
  return number(value, places(step));
}
