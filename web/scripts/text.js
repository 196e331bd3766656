// Texts in the reader's language, and numbers, times and sizes as people read them.
import { signal, useSignal } from "./store.js";

export const LANGUAGES = { en: "English", zh: "中文" };
const STORED = "epochal.language";

export const language = signal("en");
let texts = {};
let formats = {};

// The language that was chosen here before, or else the first of the browser's that the page has.
function preferred() {
  const wanted = [localStorage.getItem(STORED), ...navigator.languages];
  return wanted.map((each) => each?.slice(0, 2)).find((each) => each in LANGUAGES) ?? "en";
}

// Load the texts of a language, by default of the preferred one, and draw everything in it.
export async function useLanguage(name = preferred()) {
  texts = (await import(`../text/${name}.js`)).default;
  formats = {};
  document.documentElement.lang = name === "zh" ? "zh-Hans" : name;
  language.set(name);
}

export function chooseLanguage(name) {
  localStorage.setItem(STORED, name);
  return useLanguage(name);
}

// The text for "view.key". `values` fill in {names}; a text that depends on a count is a function of the values.
export function t(key, values = {}) {
  const [view, name] = key.split(".");
  const text = texts[view]?.[name];
  if (text === undefined) return key;
  if (typeof text === "function") return text(values);
  return text.replace(/\{(\w+)\}/g, (whole, each) => (each in values ? String(values[each]) : whole));
}

// Whether there is such a text: for words of the API that may be newer than the page.
export const hasText = (key) => {
  const [view, name] = key.split(".");
  return texts[view]?.[name] !== undefined;
};

// Draws the component again when the language changes. The shell does so for the whole page.
export const useTexts = () => useSignal(language);

function formatter(kind, options, make) {
  const key = kind + JSON.stringify(options);
  return (formats[key] ??= make(document.documentElement.lang, options));
}

const numberFormat = (options) => formatter("number", options, (lang, each) => new Intl.NumberFormat(lang, each));

// The API writes numbers that are not finite as strings: "NaN", "Infinity", "-Infinity".
export const toNumber = (value) => (typeof value === "string" ? Number(value) : value);

export const DASH = "–";

// With `digits` places behind the point: 0.4312. NaN and infinities are shown as they are.
export function number(value, digits = 0) {
  if (value === null || value === undefined) return DASH;
  const n = toNumber(value);
  if (!Number.isFinite(n)) return Number.isNaN(n) ? "NaN" : n > 0 ? "∞" : "−∞";
  if (Math.abs(n) >= (digits ? 1e6 : 1e12)) return scientific(n); // so many digits are cut off, or misread
  return numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n);
}

// 3.04e24: with `digits` places behind the point.
export const scientific = (n, digits = 2) => n.toExponential(digits).replace("+", "").replaceAll("-", "−");

// Between a number and its unit, where no line ends.
export const SPACE = "\u00a0";

// A loss: four places, fewer where it is large, more where it is small.
export function loss(value) {
  const n = toNumber(value);
  if (n === null || n === undefined || !Number.isFinite(n)) return number(value);
  const size = Math.abs(n);
  if (size >= 1e6) return scientific(n);
  if (size >= 100) return number(n, 1);
  if (size >= 1e-3 || n === 0) return number(n, 4);
  return scientific(n);
}

// A fraction as a percentage with `digits` places: 98.12 %.
export function percent(value, digits = 2) {
  const n = toNumber(value);
  if (n === null || n === undefined || !Number.isFinite(n)) return number(value);
  return `${number(100 * n, digits)}${SPACE}%`;
}

// A number with as many digits as it needs, up to `digits` significant ones: learning rates and the like.
export function short(value, digits = 4) {
  const n = toNumber(value);
  if (n === null || n === undefined || !Number.isFinite(n)) return number(value);
  if (n !== 0 && (Math.abs(n) < 1e-4 || Math.abs(n) >= 1e6)) return scientific(n, digits - 2).replace(/\.?0+e/, "e");
  return numberFormat({ maximumSignificantDigits: digits }).format(n);
}

export function bytes(value) {
  if (value === null || value === undefined) return DASH;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let size = value;
  while (size >= 1024 && at < units.length - 1) {
    size /= 1024;
    at += 1;
  }
  return `${number(size, at && size < 100 ? 1 : 0)}${SPACE}${units[at]}`;
}

// Seconds as "45 s", "12 min 5 s", "3 h 4 min", "2 d 3 h".
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  const s = Math.max(0, seconds);
  if (s < 10) return `${number(s, 1)}${SPACE}${t("common.seconds")}`;
  const steps = [[86400, "days", 3600, "hours"], [3600, "hours", 60, "minutes"], [60, "minutes", 1, "seconds"]];
  for (const [unit, name, part, partName] of steps) {
    if (s < unit) continue;
    const whole = Math.floor(s / unit);
    const rest = Math.floor((s - whole * unit) / part);
    const first = `${whole}${SPACE}${t(`common.${name}`)}`;
    return rest ? `${first} ${rest}${SPACE}${t(`common.${partName}`)}` : first;
  }
  return `${Math.round(s)}${SPACE}${t("common.seconds")}`;
}

// How long ago, in words: "3 minutes ago", "in 2 hours". `now` in milliseconds.
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  const relative = formatter("relative", {}, (lang) => new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" }));
  const units = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 10 ? t("common.now") : relative.format(Math.trunc(seconds), "second");
}

// In the reader's zone: "30 Nov 2026, 18:22"; `exact` adds seconds and the zone.
export function dateTime(time, exact = false) {
  const options = exact ? { dateStyle: "full", timeStyle: "long" } : { dateStyle: "medium", timeStyle: "short" };
  return formatter("date", options, (lang, each) => new Intl.DateTimeFormat(lang, each)).format(new Date(time));
}
