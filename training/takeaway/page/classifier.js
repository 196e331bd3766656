// The network: unpacked from this file, run by ONNX Runtime's WebAssembly on one thread. Nothing is fetched.

const facts = JSON.parse(document.getElementById("facts").textContent);

async function unpacked(id) {
  const element = document.getElementById(id);
  const text = atob(element.textContent);
  element.remove(); // frees its memory
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function loaded() {
  ort.env.wasm.numThreads = 1; // more need headers that a file does not have
  ort.env.wasm.proxy = false;
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = (await unpacked("runtime")).buffer;
  return ort.InferenceSession.create(await unpacked("network"), { executionProviders: ["wasm"] });
}

const session = loaded();
let previous = Promise.resolve(); // a session does one thing at a time

// Of Uint8 [height, width, channels]: {logits, probabilities, order, maps}; `order` has the classes' numbers, the likeliest
// first; `maps` is {values, height, width}, values Float32 [classes, height, width], or null where the network has none.
async function classifyPixels(pixels, height, width) {
  const { size, channels, resize } = facts.input;
  if (pixels.length !== height * width * channels) throw new RangeError(`expected ${height * width * channels} values`);
  const square = squarePixels({ pixels, width, height, channels }, size, resize);
  const network = await session;
  const input = new ort.Tensor("uint8", square, [1, size, size, channels]);
  const run = previous.then(() => network.run({ [network.inputNames[0]]: input }));
  previous = run.catch(() => undefined);
  const outputs = await run;
  const logits = Array.from(outputs.logits.data);
  const probabilities = softmax(logits.map((logit) => logit / facts.temperature));
  const order = logits.map((_, place) => place).sort((a, b) => logits[b] - logits[a] || a - b);
  const maps = outputs.activation_maps;
  return {
    logits,
    probabilities,
    order,
    maps: maps ? { values: maps.data, height: maps.dims[2], width: maps.dims[3] } : null,
  };
}

function softmax(values) {
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = values.map((value) => Math.exp(value - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

window.classifyPixels = classifyPixels;
window.squarePixels = squarePixels;
