// Follows a version's validation: a version that is validated is read anew as its stream of events says.
import { fetchResponse, get } from "../api.js";
import { useEffect, useState } from "../dom.js";
import { useRead } from "../components/basics.js";

const PAUSE = 1500;

export const versionPath = (name, number) => `/v1/datasets/${encodeURIComponent(name)}/versions/${number}`;

// Call `tell(type, data)` for each event of the stream; resolves with whether it has come to its end.
async function stream(path, tell, signal) {
  const response = await fetchResponse("GET", `${path}/stream`, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return false;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join("\n");
      const type = field("event");
      if (type === "end") return true;
      if (type) tell(type, JSON.parse(field("data")));
    }
  }
}

// A version: {value, problem, reload}, whose `progress` is that of now.
export function useVersion(name, number) {
  const path = versionPath(name, number);
  const read = useRead((signal) => get(path, {}, { signal }), [path]);
  const [now, setNow] = useState(null);
  const validating = read.value?.status === "validating";
  useEffect(() => {
    if (!validating) return undefined;
    const abort = new AbortController();
    const follow = async () => {
      while (!abort.signal.aborted) {
        try {
          const ended = await stream(path, (type, data) => (type === "progress" ? setNow(data) : read.setValue(data)), abort.signal);
          if (ended) return read.reload(); // it may stand for another version, or be deleted
        } catch {
          // it is followed again below
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
      return undefined;
    };
    follow();
    return () => abort.abort();
  }, [path, validating]);
  const value = validating && now ? { ...read.value, progress: now } : read.value;
  return { ...read, value };
}
