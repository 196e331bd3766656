// Charts that have new data draw one after the other, each in a task of its own, so that the page answers in between.
const waiting = new Map();
let timer = null;

function next() {
  const [owner, draw] = waiting.entries().next().value;
  waiting.delete(owner);
  timer = waiting.size ? setTimeout(next) : null;
  draw();
}

// Call `draw` soon. What `owner` wanted to draw before and has not drawn is left out.
export function inTurn(owner, draw) {
  waiting.set(owner, draw);
  timer ??= setTimeout(next);
}
