// Theme, tables, pictures close up, and printing. Everything here only adds to pages that can be read without it.
"use strict";

const PAGE_ROWS = 25;
const SEARCHABLE_ROWS = 8;

// ---- theme: follows the system until a reader chooses -------------------------------------------------------

const THEME_KEY = "deepsight-theme";

function storedTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null; // storage is barred, as in some private windows: the theme then lasts for this page
  }
}

function keepTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // as above
  }
}

if (storedTheme()) document.documentElement.dataset.theme = storedTheme();

function prepareTheme() {
  const button = document.querySelector(".theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const present = document.documentElement.dataset.theme ?? system;
    keepTheme(present === "dark" ? "light" : "dark");
  });
}

// ---- tables: sort by a click on a heading, search, turn pages ------------------------------------------------

function sortValue(row, index, isNumber) {
  const cell = row.cells[index];
  if (!isNumber) return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function compareRows(index, isNumber, direction) {
  return (first, second) => {
    const a = sortValue(first, index, isNumber);
    const b = sortValue(second, index, isNumber);
    if (a === null || b === null) return (a === null) - (b === null); // empty cells last, either way
    return direction * (isNumber ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  };
}

function prepareTable(block) {
  const body = block.querySelector("tbody");
  const headings = [...block.querySelectorAll("th")];
  const tools = block.querySelector(".table-tools");
  const search = tools.querySelector("input");
  const pager = block.querySelector(".pager");
  const allRows = [...body.rows];
  const texts = new Map(allRows.map((row) => [row, row.textContent.toLowerCase()]));
  let ordered = allRows;
  let page = 0;

  function show() {
    const wanted = search.value.trim().toLowerCase();
    const found = ordered.filter((row) => texts.get(row).includes(wanted));
    const nPages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
    page = Math.min(page, nPages - 1);
    body.replaceChildren(...found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS));
    tools.querySelector(".table-count").textContent = wanted ? `${found.length} of ${allRows.length} rows` : "";
    pager.hidden = nPages === 1;
    pager.querySelector(".pager-place").textContent = `Page ${page + 1} of ${nPages}`;
    pager.querySelector(".previous").disabled = page === 0;
    pager.querySelector(".next").disabled = page === nPages - 1;
  }

  function sortBy(index) {
    const heading = headings[index];
    const isNumber = heading.classList.contains("number");
    const first = isNumber ? "descending" : "ascending"; // of numbers, the large ones are looked for
    const second = isNumber ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    ordered = [...allRows].sort(compareRows(index, isNumber, order === "ascending" ? 1 : -1));
    page = 0;
    show();
  }

  headings.forEach((heading, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sortBy(index));
    heading.replaceChildren(button);
  });
  tools.hidden = allRows.length <= SEARCHABLE_ROWS;
  search.addEventListener("input", () => { page = 0; show(); });
  pager.querySelector(".previous").addEventListener("click", () => { page -= 1; show(); });
  pager.querySelector(".next").addEventListener("click", () => { page += 1; show(); });
  show();
}

// ---- pictures: a click shows one large, with what was found; arrow keys lead to its neighbours ----------------

function makeButton(text, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", action);
  return button;
}

function prepareCloseUp() {
  const dialog = document.createElement("dialog");
  const stand = document.createElement("div");
  const tools = document.createElement("div");
  let figures = [];
  let place = 0;

  function show(next) {
    place = (next + figures.length) % figures.length;
    stand.replaceChildren(figures[place].cloneNode(true));
  }

  tools.className = "dialog-tools";
  const close = makeButton("Close", () => dialog.close());
  close.autofocus = true;
  tools.append(makeButton("Previous", () => show(place - 1)), makeButton("Next", () => show(place + 1)), close);
  dialog.setAttribute("aria-label", "Picture");
  dialog.append(stand, tools);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(place - 1);
    if (event.key === "ArrowRight") show(place + 1);
  });
  document.body.append(dialog);
  for (const link of document.querySelectorAll(".tiles a.tile-picture")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      figures = [...link.closest(".tiles").querySelectorAll(".tile")];
      show(figures.indexOf(link.closest(".tile")));
      dialog.showModal();
    });
  }
}

// ---- printing: everything that is folded is unfolded, and folded again after ----------------------------------

function preparePrinting() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
}

document.addEventListener("DOMContentLoaded", () => {
  prepareTheme();
  document.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
  for (const block of document.querySelectorAll(".data-table")) prepareTable(block);
  prepareCloseUp();
  preparePrinting();
});
