// The epochs of a job as columns: one array a measure, ascending by epoch, changed in place as rows arrive.
import { toNumber } from "../text.js";

export const MEASURES = [
  "train_loss", "train_accuracy", "test_loss", "test_accuracy", "test_top5_accuracy", "validation_loss", "validation_accuracy",
  "learning_rate", "seconds", "images_per_second", "device_memory_bytes", "gradient_norm", "update_ratio", "dead_units", "loading_share",
];

export class Columns {
  constructor() {
    this.epoch = [];
    this.recorded = []; // when each row was recorded, in milliseconds
    for (const name of MEASURES) this[name] = [];
  }

  get length() {
    return this.epoch.length;
  }

  // Where `epoch` stands, or where it would be put.
  place(epoch) {
    let low = 0;
    let high = this.epoch.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.epoch[middle] < epoch) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Take in a row of the API. Of two rows of one epoch, the one that was recorded later stays. Says whether it changed.
  add(row) {
    const recorded = Date.parse(row.recorded_at);
    const last = this.epoch.length - 1;
    const at = last < 0 || row.epoch > this.epoch[last] ? last + 1 : this.place(row.epoch);
    const known = this.epoch[at] === row.epoch;
    if (known && this.recorded[at] >= recorded) return false;
    const replaced = known ? 1 : 0;
    this.epoch.splice(at, replaced, row.epoch);
    this.recorded.splice(at, replaced, recorded);
    for (const name of MEASURES) this[name].splice(at, replaced, toNumber(row[name] ?? null));
    return true;
  }

  // Whether any epoch has a measure.
  has(name) {
    return this[name].some((value) => value !== null);
  }
}
