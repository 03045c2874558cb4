// Theme, tables, decisions, pictures close up, and printing. Everything here only adds to pages that can be read without it.
"use strict";

const PAGE_ROWS = 25;
const SEARCHABLE_ROWS = 8;

// ---- theme: follows the system until a reader chooses -------------------------------------------------------

const THEME_KEY = "deepsight-theme";

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is barred, as in some private windows: a choice then lasts for this page
  }
}

function keep(key, choice) {
  try {
    localStorage.setItem(key, choice);
  } catch {
    // as above
  }
}

if (stored(THEME_KEY)) document.documentElement.dataset.theme = stored(THEME_KEY);

function prepareTheme() {
  const button = document.querySelector(".theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const present = document.documentElement.dataset.theme ?? system;
    document.documentElement.dataset.theme = present === "dark" ? "light" : "dark";
    keep(THEME_KEY, document.documentElement.dataset.theme);
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
  const headings = [...block.querySelectorAll("th:not(.select)")];
  const tools = block.querySelector(".table-tools");
  const search = tools.querySelector("input");
  const pager = block.querySelector(".pager");
  const allRows = [...body.rows];
  const texts = new Map(allRows.map((row) => [row, row.textContent.toLowerCase()]));
  let ordered = allRows;
  let page = 0;

  function rowsFound() {
    const wanted = search.value.trim().toLowerCase();
    return ordered.filter((row) => texts.get(row).includes(wanted));
  }

  function show() {
    const wanted = search.value.trim();
    const found = rowsFound();
    const nPages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
    page = Math.min(page, nPages - 1);
    body.replaceChildren(...found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS));
    tools.querySelector(".table-count").textContent = wanted ? `${found.length} of ${allRows.length} rows` : "";
    pager.hidden = nPages === 1;
    pager.querySelector(".pager-place").textContent = `Page ${page + 1} of ${nPages}`;
    pager.querySelector(".previous").disabled = page === 0;
    pager.querySelector(".next").disabled = page === nPages - 1;
  }

  function sortBy(heading) {
    const isNumber = heading.classList.contains("number");
    const first = isNumber ? "descending" : "ascending"; // of numbers, the large ones are looked for
    const second = isNumber ? "ascending" : "descending";
    const order = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    ordered = [...allRows].sort(compareRows(heading.cellIndex, isNumber, order === "ascending" ? 1 : -1));
    page = 0;
    show();
  }

  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sortBy(heading));
    heading.replaceChildren(button);
  }
  tools.hidden = allRows.length <= SEARCHABLE_ROWS;
  search.addEventListener("input", () => { page = 0; show(); });
  pager.querySelector(".previous").addEventListener("click", () => { page -= 1; show(); });
  pager.querySelector(".next").addEventListener("click", () => { page += 1; show(); });
  show();
  return { allRows, rowsFound };
}

// ---- decisions: on rows that a reader selects, in the form of decisions.csv ------------------------------------

const DECISION_COLUMNS = ["content_hash", "path", "kind", "decision", "label", "reason"];
const FORMULA_START = /^'*[=+\-@\t\r]/; // as analysis.spreadsheet_cells, which takes the apostrophe away again

function csvCell(text) {
  const isFormula = FORMULA_START.test(text) && Number.isNaN(Number(text));
  const cell = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function csvOf(rows) {
  return rows.map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");
}

function makeCheckbox(tag, place, label) {
  const cell = document.createElement(tag);
  const box = document.createElement("input");
  cell.className = "select";
  if (tag === "th") cell.scope = "col";
  box.type = "checkbox";
  box.setAttribute("aria-label", label);
  cell.append(box, document.createElement("span"));
  place.prepend(cell);
  return box;
}

function addSelection(block) {
  const all = makeCheckbox("th", block.querySelector("thead tr"), "Select all rows found");
  for (const row of block.querySelectorAll("tbody tr")) {
    makeCheckbox("td", row, `Select ${row.dataset.path || row.dataset.label}`);
  }
  return all;
}

function prepareDeciding(block, all, { allRows, rowsFound }, basket) {
  const tools = block.querySelector(".decide");
  const [decision, button] = [tools.querySelector("select"), tools.querySelector("button")];
  const [newLabel, reason] = [".new-label", ".reason"].map((name) => tools.querySelector(`${name} input`));
  const boxOf = (row) => row.cells[0].querySelector("input");

  function show() {
    const n = allRows.filter((row) => boxOf(row).checked).length;
    const isRelabel = decision.value === "relabel";
    tools.querySelector(".n-selected").textContent = n ? `${n} selected` : "Select rows to decide on them";
    tools.querySelector(".new-label").hidden = !isRelabel;
    button.disabled = n === 0 || (isRelabel && !newLabel.value);
    all.checked = n === allRows.length;
    all.indeterminate = n > 0 && n < allRows.length;
  }

  function decide() {
    for (const row of allRows.filter((each) => boxOf(each).checked)) {
      const { hash, path, kind, label } = row.dataset;
      const named = decision.value === "relabel" ? newLabel.value : label;
      basket.put(row, decision.value && [hash, path, kind, decision.value, named, reason.value]);
      boxOf(row).checked = false;
    }
    show();
  }

  tools.hidden = false;
  all.addEventListener("change", () => {
    for (const row of rowsFound()) boxOf(row).checked = all.checked;
    show();
  });
  for (const row of allRows) boxOf(row).addEventListener("change", show);
  decision.addEventListener("change", show);
  newLabel.addEventListener("input", show);
  button.addEventListener("click", decide);
  show();
}

function makeBasket() {
  const block = document.querySelector(".basket");
  const status = block.querySelector("[role=status]");
  const decided = new Map(); // row of the page -> row of decisions.csv
  let isSaved = true;

  function put(row, cells) {
    if (cells) decided.set(row, cells);
    else decided.delete(row);
    row.cells[0].querySelector("span").textContent = cells ? cells[3] : "";
    isSaved = false;
    show();
  }

  function show(done = "") {
    const n = `${decided.size} decision${decided.size === 1 ? "" : "s"}`;
    block.hidden = decided.size === 0;
    status.textContent = done || `${n}: add them to decisions.csv beside params.yaml`;
  }

  function download() {
    const link = document.createElement("a");
    const text = csvOf([DECISION_COLUMNS, ...decided.values()]);
    link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" })); // the mark tells Excel UTF-8
    link.download = "decisions.csv";
    link.click();
    URL.revokeObjectURL(link.href);
    isSaved = true;
    show(`Downloaded: take them over with deepsight audit … --decisions decisions.csv`);
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(csvOf([...decided.values()]));
      isSaved = true;
      show("Copied: paste the rows at the end of decisions.csv");
    } catch {
      show("This browser does not let the page copy: download the file instead");
    }
  }

  block.querySelector(".download").addEventListener("click", download);
  block.querySelector(".copy").addEventListener("click", copy);
  block.querySelector(".discard").addEventListener("click", () => {
    for (const row of [...decided.keys()]) put(row, null);
  });
  window.addEventListener("beforeunload", (event) => { if (decided.size && !isSaved) event.preventDefault(); });
  return { put };
}

function prepareTables() {
  const basket = document.querySelector(".basket") && makeBasket();
  for (const block of document.querySelectorAll(".data-table")) {
    const all = block.querySelector(".decide") && addSelection(block);
    const rows = prepareTable(block);
    if (all) prepareDeciding(block, all, rows, basket);
  }
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
      close.focus();
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
  prepareTables();
  prepareCloseUp();
  preparePrinting();
});
