"use strict";
// What is folded in is printed all the same.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));

// Tables that sort.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const words = head.dataset.kind === "text";
      const before = head.getAttribute("aria-sort");
      // Words from A on, numbers from the worst on; a second click turns the order round.
      const order = before === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => words ? row.cells[column].textContent : Number(row.cells[column].dataset.value);
      const compare = words
        ? (a, b) => sign * value(a).localeCompare(value(b), undefined, { numeric: true })
        : (a, b) => sign * (value(a) - value(b));
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(compare));
    });
  });
}

// Cells that show their pictures.
const data = JSON.parse(document.getElementById("data").textContent);
const panel = document.getElementById("examples");
const cells = [...document.querySelectorAll("button[data-cell]")];

function line(kind, text, title) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  if (title) made.title = title;
  return made;
}

function show(button) {
  cells.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  const examples = data.cells[button.dataset.cell] || [];
  const heading = document.createElement("h3");
  heading.textContent = button.getAttribute("aria-label").replace(/^show the pictures of /, "");
  const list = document.createElement("ul");
  list.className = "gallery";
  for (const [picture, [label, guess, name]] of examples) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = data.pictures[picture];
    image.alt = `${name}: ${label}, taken for ${guess}`;
    item.append(image, line("is-wrong", guess), line("is-true", label),
      line("quiet small", name.split("/").pop(), name));
    list.append(item);
  }
  panel.replaceChildren(heading, examples.length ? list : line("quiet", "No picture of this cell is kept in the page; predictions.csv names them."));
}

cells.forEach((button) => button.addEventListener("click", () => show(button)));

// The matrix: counts or shares, and arrow keys.
const matrix = document.getElementById("matrix");
if (matrix) {
  const shares = document.getElementById("as-shares");
  const numbers = [...matrix.querySelectorAll("button[data-count]")];
  const spoken = numbers.map((button) => button.getAttribute("aria-label"));
  shares.addEventListener("change", () => numbers.forEach((button, place) => {
    button.textContent = shares.checked ? button.dataset.share : button.dataset.count;
    button.setAttribute("aria-label", shares.checked
      ? spoken[place].replace(/[^ ]+$/, `${button.dataset.share} of the class`) : spoken[place]);
  }));
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  // One stop for the Tab key; from there on the arrows go.
  numbers.forEach((button, place) => { button.tabIndex = place ? -1 : 0; });
  matrix.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || !event.target.dataset.cell) return;
    event.preventDefault();
    let [row, column] = event.target.dataset.cell.split(",").map(Number);
    for (;;) {
      row += step[0];
      column += step[1];
      const cell = matrix.tBodies[0].rows[row]?.cells[column + 1];
      if (!cell) return;
      const button = cell.querySelector("button");
      if (!button) continue;
      event.target.tabIndex = -1;
      button.tabIndex = 0;
      button.focus();
      return;
    }
  });
}
