// What is known of one job, kept up to date by the stream of events.
import { get, pages } from "../api.js";
import * as live from "../live.js";
import { signal, throttle } from "../store.js";
import { Columns } from "./columns.js";

const DRAW_EVERY = 300; // milliseconds: epochs that come faster are drawn together
const READ_JOB_EVERY = 1000;
const ASK_AGAIN_EVERY = 15_000; // milliseconds: why a job waits changes with workers and other jobs, of which no event tells
const PAGE = 1000; // rows: a larger page would be parsed in one long task

export const FINAL = new Set(["succeeded", "failed", "cancelled", "stopped"]);

export class JobModel {
  constructor(id) {
    this.path = `/v1/jobs/${encodeURIComponent(id)}`;
    this.id = id;
    this.job = signal(null);
    this.problem = signal(null);
    this.deleted = signal(false);
    this.curves = signal({ columns: new Columns(), version: 0, complete: false });
    this.happened = signal(0); // counts events that are no epochs: attempts, events and files have changed
    this.reading = null;
    this.draw = throttle(() => this.drawNow(), DRAW_EVERY);
    this.readJob = throttle(() => this.readJobNow(), READ_JOB_EVERY);
  }

  // Listen, and then read: what happens while it is read is heard, too.
  open() {
    const ends = [live.subscribe((event) => this.handle(event)), live.connection.subscribe(() => this.connected())];
    this.read();
    const timer = setInterval(() => this.job.value?.queue && !document.hidden && this.readJob(), ASK_AGAIN_EVERY);
    return () => {
      clearInterval(timer);
      for (const end of ends) end();
      this.reading?.abort();
      this.draw.cancel();
      this.readJob.cancel();
    };
  }

  // What was read before the stream was open may lack what came between the two: it is read once more.
  connected() {
    if (live.connection.value !== "open" || !this.readTooEarly) return;
    this.readTooEarly = false;
    if (!FINAL.has(this.job.value?.status)) this.read();
  }

  async read() {
    this.reading?.abort();
    const mine = (this.reading = new AbortController());
    const given = { signal: mine.signal };
    this.readTooEarly = live.connection.value !== "open";
    try {
      const job = await get(this.path, {}, given);
      this.job.set(job);
      this.problem.set(null);
      for await (const rows of pages(`${this.path}/metrics`, { limit: PAGE }, given)) {
        for (const row of rows) this.curves.value.columns.add(row);
        this.drawNow();
      }
      this.drawNow({ complete: true });
    } catch (problem) {
      if (problem.name !== "AbortError") this.fail(problem);
    }
  }

  fail(problem) {
    if (problem.status === 404 && this.job.value) this.deleted.set(true);
    else this.problem.set(problem);
  }

  async readJobNow() {
    try {
      this.job.set(await get(this.path));
    } catch (problem) {
      if (problem.status === 404) this.deleted.set(true);
    }
  }

  drawNow({ complete = this.curves.value.complete } = {}) {
    const { columns, version } = this.curves.value;
    this.curves.set({ columns, version: version + 1, complete });
  }

  handle({ type, data }) {
    if (type === "resync") {
      this.read();
      this.happened.update((n) => n + 1);
    }
    if (data?.job_id !== this.id) return;
    if (type === "deleted") this.deleted.set(true);
    else if (type === "progress") this.progressed(data);
    else if (type === "epoch" || type === "epoch_revised") this.measured(data);
    else {
      this.readJob();
      this.happened.update((n) => n + 1);
    }
  }

  // Where nothing of this is new, or more than the progress is, something else has changed as well, such as the name.
  progressed({ status, requested, progress, queue }) {
    const job = this.job.value;
    if (!job) return;
    const moved = JSON.stringify(progress) !== JSON.stringify(job.progress);
    if (!moved || status !== job.status || requested !== job.requested) this.readJob();
    this.job.set({ ...job, status, requested, progress, queue });
  }

  measured({ metrics }) {
    if (metrics && this.curves.value.columns.add(metrics)) this.draw();
    this.readJob();
  }
}
