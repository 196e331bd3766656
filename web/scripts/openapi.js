// The API's own description, read once: schemas of specs, words that fields may have, what they mean.
import { get } from "./api.js";

let document_ = null;

export function openapi() {
  document_ ??= get("/openapi.json").catch((problem) => {
    document_ = null;
    throw problem;
  });
  return document_;
}

// A schema by its name in the document, e.g. "TrainingSpec".
export const schema = async (name) => (await openapi()).components.schemas[name];
