// How long a job has been running, second by second.
import { html, useEffect, useReducer } from "../dom.js";
import { signal } from "../store.js";
import { number, t } from "../text.js";
import { ended, seconds } from "./words.js";

const second = signal(Date.now());
setInterval(() => document.hidden || second.set(Date.now()), 1000);

const two = (n) => String(n).padStart(2, "0");

// As on a clock, so that durations can be compared at a glance: 0:45, 12:05, 3:04:00, 2 d 3:04:00.
export function clock(value) {
  const whole = Math.floor(value);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  const short = hours || days ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  return days ? `${number(days)} ${t("common.days")} ${short}` : short;
}

export function Ticking({ row }) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  const ticks = Boolean(row.started_at) && !ended(row);
  useEffect(() => (ticks ? second.subscribe(redraw) : undefined), [ticks]);
  const found = seconds(row, second.value);
  return html`${found === null ? "" : clock(found)}`;
}
