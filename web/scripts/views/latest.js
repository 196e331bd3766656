// Leads to the newest job, wherever it is: /jobs/latest.
import { html, useEffect } from "../dom.js";
import { get } from "../api.js";
import { navigate } from "../router.js";
import { ErrorPanel, Loading, useRead } from "../components/basics.js";
import { First } from "../jobs/first.js";

const read = async (signal) => (await get("/v1/job-summaries", { limit: 1 }, { signal })).data[0] ?? null;

export default function Latest() {
  const { value, problem, loading, reload } = useRead(read, []);
  useEffect(() => {
    // The last repeat of a job is newer than the job, but it is the job that was submitted.
    if (value) navigate(`/jobs/${value.parent?.startsWith("job_") ? value.parent : value.id}`, { replace: true });
  }, [value]);
  if (problem) return html`<${ErrorPanel} page problem=${problem} retry=${reload} />`;
  return loading || value ? html`<${Loading} />` : html`<${First} />`;
}
