// What a row says in words, and what may be done with it.
import { hasText, t } from "../text.js";

export const STATUSES = ["running", "starting", "queued", "paused", "succeeded", "stopped", "failed", "cancelled"];
const ENDED = new Set(["succeeded", "failed", "cancelled", "stopped"]);

export const ended = (row) => ENDED.has(row.status);

// A word of the API that may be newer than the page.
export const word = (kind, code) => (hasText(`jobs.${kind}_${code}`) ? t(`jobs.${kind}_${code}`) : code.replaceAll("_", " "));

// Seconds since a job was started, up to its end; null before.
export function seconds(row, now) {
  if (!row.started_at) return null;
  const end = row.finished_at ? Date.parse(row.finished_at) : now;
  return Math.max(0, (end - Date.parse(row.started_at)) / 1000);
}

export const nameOf = (row) => row.name || row.id;
