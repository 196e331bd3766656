// The same submission in other words: for a shell, for Python, for the command line, for a file.

const isPart = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// A word of a shell command.
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);

export function curl(body, { address, keyed }) {
  const key = keyed ? ' \\\n  -H "Authorization: Bearer $EPOCHAL_API_KEY"' : "";
  return `curl ${quoted(`${address}/v1/jobs`)}${key} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body, null, 2))}`;
}

const INDENT = "    ";

// A value as Python writes it. JSON's strings are Python's.
export function pythonValue(value, indent = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map((each) => pythonValue(each, indent)).join(", ")}]`;
  if (!isPart(value)) return JSON.stringify(value);
  const inner = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${pythonValue(each, indent + INDENT)}`);
  const line = `{${inner.join(", ")}}`;
  if (indent && line.length < 60 && !line.includes("\n")) return line;
  return inner.length ? `{\n${inner.map((each) => `${indent}${INDENT}${each},\n`).join("")}${indent}}` : "{}";
}

export function python({ spec, ...rest }, { address }) {
  const others = Object.entries(rest).map(([key, value]) => `${INDENT}${key}=${pythonValue(value, INDENT)},\n`);
  return `from epochal import Epochal

client = Epochal(${JSON.stringify(address)})
job = client.jobs.create(
${INDENT}${pythonValue(spec, INDENT)},
${others.join("")})
print(job.id)`;
}

// Which flags the command `epochal submit` has, by the field's path. Every other field is --set PATH=VALUE.
const FLAGS = {
  name: "--name", description: "--description", priority: "--priority", max_retries: "--max-retries", accelerator: "--accelerator",
  repeats: "--repeats", tags: "--tag", "spec.recipe": "--recipe", "spec.dataset": "--dataset", "spec.architecture.name": "--architecture",
  "spec.epochs": "--epochs", "spec.batch_size": "--batch-size", "spec.optimizer.name": "--optimizer",
  "spec.optimizer.learning_rate": "--learning-rate", "spec.schedule.name": "--schedule",
};

const isJson = (text) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

// A value of the spec as the command reads it: JSON, or a word that is no JSON.
const cliValue = (value) =>
  typeof value === "string" && /^[A-Za-z]/.test(value) && !isJson(value) && !/^(True|False|None)$/.test(value) ? value : JSON.stringify(value);

function cliWords(path, value) {
  if (path === "tags") return value.map((each) => flag("--tag", each));
  const text = path.startsWith("spec.") ? cliValue(value) : String(value);
  return FLAGS[path] ? [flag(FLAGS[path], text)] : [`--set ${quoted(`${path.slice("spec.".length)}=${text}`)}`];
}

// What begins with a dash would be read as a flag.
const flag = (name, text) => (text.startsWith("-") ? `${name}=${quoted(text)}` : `${name} ${quoted(text)}`);

function cliArguments(value, path = []) {
  if (!isPart(value) || (path.length && !Object.keys(value).length)) return cliWords(path.join("."), value);
  return Object.entries(value).flatMap(([key, each]) => cliArguments(each, [...path, key]));
}

export function cli(body, { address }) {
  const { spec, ...rest } = body;
  return ["epochal submit", ...cliArguments({ spec }), ...cliArguments(rest), `--url ${quoted(address)}`].join(" \\\n  ");
}

export const json = (body) => JSON.stringify(body, null, 2);

// Plain where every reader of YAML, old or new, reads it as the same text.
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z][\w-]*$/i;

function yamlScalar(value) {
  if (typeof value === "string") return PLAIN.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(yamlScalar).join(", ")}]`;
  return JSON.stringify(value).replace(/^(-?\d+)e/, "$1.0e"); // 1e-8 is text to a reader of YAML 1.1
}

export const yaml = (body) => yamlPart(body, "");

function yamlPart(value, indent) {
  return Object.entries(value)
    .map(([key, each]) => {
      if (!isPart(each)) return `${indent}${key}: ${yamlScalar(each)}`;
      return Object.keys(each).length ? `${indent}${key}:\n${yamlPart(each, `${indent}  `)}` : `${indent}${key}: {}`;
    })
    .join("\n");
}
