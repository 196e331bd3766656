// What the reader does and sees.

const MOST_PIXELS = 100e6;
const MOST_KEPT = 60; // pictures, of 2 MB each; the oldest go
const SHOWN = 640; // pixels a side of a picture that is shown
const SHOWN_CLASSES = Math.min(5, facts.classes.length);
const VEIL = 0.8; // how dark it gets where the network did not look

const $ = (id) => document.getElementById(id);
const pictures = []; // {name, square, result}
let current = null;
let currentClass = null;

class NotAPicture extends Error {}

// An ImageBitmap: upright, its colours as they are stored, transparency not yet laid on white.
async function decoded(file) {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch {
    throw new NotAPicture(
      `“${file.name || "This"}” is no picture that this browser can read. JPEG, PNG, WebP, GIF, BMP and AVIF files work.`,
    );
  }
}

function onWhite(width, height, draw) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  draw(context);
  return canvas;
}

function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    throw new NotAPicture(`This picture has ${Math.round((width * height) / 1e6)} megapixels; 100 are the most.`);
  }
  const canvas = onWhite(width, height, (context) => context.drawImage(bitmap, 0, 0));
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return opaquePixels(data, width * height, facts.input.channels);
}

// The square that the network sees, finer than it sees it.
function shownSquare(bitmap) {
  const { width, height } = bitmap;
  if (facts.input.resize === "pad") {
    const [inWidth, inHeight] = paddedSize(width, height, SHOWN);
    return onWhite(SHOWN, SHOWN, (context) => {
      context.fillStyle = "#000";
      context.fillRect(0, 0, SHOWN, SHOWN);
      const place = [(SHOWN - inWidth) >> 1, (SHOWN - inHeight) >> 1, inWidth, inHeight];
      context.fillStyle = "#fff";
      context.fillRect(...place);
      context.drawImage(bitmap, ...place);
    });
  }
  const box = facts.input.resize === "stretch" ? [0, 0, width, height] : centreSquare(width, height);
  return onWhite(SHOWN, SHOWN, (context) => {
    context.imageSmoothingEnabled = Math.min(width, height) > 64; // of a tiny picture, the pixels are to be seen
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, box[0], box[1], box[2] - box[0], box[3] - box[1], 0, 0, SHOWN, SHOWN);
  });
}

async function classifyFiles(files) {
  if (files.length === 0) return;
  say(facts.text.working);
  for (const file of files) {
    try {
      const bitmap = await decoded(file);
      const [pixels, square] = [pixelsOf(bitmap), shownSquare(bitmap)];
      const result = await classifyPixels(pixels, bitmap.height, bitmap.width);
      bitmap.close();
      pictures.push({ name: file.name || "A pasted picture", square, result });
      show(pictures[pictures.length - 1]);
      drawStrip();
    } catch (error) {
      complain(error);
    }
  }
}

function complain(error) {
  $("status").textContent = "";
  const known = error instanceof NotAPicture;
  $("problem").textContent = known ? error.message : `The picture could not be classified: ${error.message || error}`;
  $("problem").hidden = false;
}

function say(text) {
  $("status").textContent = text;
  $("problem").hidden = true;
}

function percent(probability) {
  if (probability > 0 && probability < 0.001) return "< 0.1 %";
  if (probability < 1 && probability > 0.999) return "> 99.9 %";
  return `${(100 * probability).toFixed(1)} %`;
}

function show(picture) {
  [current, currentClass] = [picture, null];
  document.body.classList.add("has-result");
  $("picture").setAttribute("aria-label", picture.name);
  const { order, probabilities, maps } = picture.result;
  const top = order.slice(0, SHOWN_CLASSES);
  $("classes").replaceChildren(...top.map((number) => classRow(number, probabilities[number], maps !== null)));
  $("hint").hidden = maps === null;
  drawPicture();
  const spoken = top.slice(0, 3).map((number) => `${facts.classes[number]}, ${percent(probabilities[number])}`);
  say(`${picture.name}: ${spoken.join("; ")}.`);
}

function classRow(number, probability, hasMap) {
  const row = document.createElement("li");
  const line = row.appendChild(document.createElement(hasMap ? "button" : "div"));
  line.className = "class";
  const parts = ["name", "share", "bar"].map((kind) => {
    const part = line.appendChild(document.createElement("span"));
    part.className = kind;
    return part;
  });
  parts[0].textContent = facts.classes[number];
  parts[1].textContent = percent(probability);
  parts[2].style.setProperty("--share", probability);
  if (hasMap) {
    line.type = "button";
    line.setAttribute("aria-pressed", "false");
    line.addEventListener("click", () => {
      currentClass = currentClass === number ? null : number;
      for (const other of $("classes").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
      line.setAttribute("aria-pressed", String(currentClass === number));
      drawPicture();
    });
  }
  return row;
}

function drawPicture() {
  const context = $("picture").getContext("2d");
  [$("picture").width, $("picture").height] = [SHOWN, SHOWN];
  context.drawImage(current.square, 0, 0);
  if (currentClass !== null) {
    context.imageSmoothingQuality = "high";
    context.drawImage(veil(current.result.maps, currentClass), 0, 0, SHOWN, SHOWN);
  }
}

// Black, the clearer the more of the class's logit comes from there; what speaks against the class is dark.
function veil({ values, height, width }, number) {
  const map = values.slice(number * height * width, (number + 1) * height * width);
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  map.forEach((value, place) => {
    const light = most > 0 ? Math.max(0, value) / most : 0;
    image.data[4 * place + 3] = 255 * VEIL * (1 - light);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function drawStrip() {
  $("strip").hidden = pictures.length < 2;
  const picture = pictures[pictures.length - 1];
  const button = document.createElement("button");
  button.type = "button";
  const label = facts.classes[picture.result.order[0]];
  button.setAttribute("aria-label", `${picture.name}: ${label}`);
  button.title = label;
  const canvas = button.appendChild(document.createElement("canvas"));
  [canvas.width, canvas.height] = [112, 112];
  canvas.getContext("2d").drawImage(picture.square, 0, 0, 112, 112);
  button.addEventListener("click", () => show(picture));
  $("strip").append(button);
  if (pictures.length > MOST_KEPT) {
    pictures.shift();
    $("strip").firstChild.remove();
  }
}

$("file").addEventListener("change", (event) => {
  classifyFiles([...event.target.files]);
  event.target.value = ""; // so that the same file can be chosen again
});
$("choose").addEventListener("click", () => $("file").click());
$("well").addEventListener("click", () => $("file").click());
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const files = [...event.dataTransfer.files];
  if (files.length === 0) complain(new NotAPicture("That is no file: drop a picture from a folder, or copy and paste it."));
  classifyFiles(files);
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length === 0) complain(new NotAPicture("There is no picture in the clipboard."));
  classifyFiles(files);
});

$("licences").addEventListener("toggle", async () => {
  const text = $("licences").querySelector("pre");
  if (text.textContent === "") text.textContent = new TextDecoder().decode(await unpacked("notices"));
});

session.then(
  () => {
    if ($("status").textContent === facts.text.loading) say(facts.text.ready);
    document.body.classList.add("ready");
  },
  (error) => complain(new NotAPicture(`This browser could not load the model: ${error.message || error}`)),
);
