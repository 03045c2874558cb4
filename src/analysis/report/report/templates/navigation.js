// Search over the whole report, and keys that lead through it. Without this script every page is reached by links.
"use strict";

const MAX_FOUND = 12;
const SORTS = ["Page", "Stage", "Finding", "Figure", "Table", "Metric"]; // equally good ones stand in this order
const KEYS_KEY = "deepsight-keys";

// ---- search: in globalThis.deepsightSearch, rows of sort, title, place, address and further words --------------

// the smaller the better; null where a word of the query is found nowhere
function rankOf([, title, place, , words], wanted) {
  const name = title.toLowerCase();
  const all = `${name} ${place} ${words}`.toLowerCase();
  if (!wanted.every((word) => all.includes(word))) return null;
  const query = wanted.join(" ");
  if (name === query) return 0;
  if (name.startsWith(query)) return 1;
  if (wanted.every((word) => ` ${name}`.includes(` ${word}`))) return 2;
  return wanted.every((word) => name.includes(word)) ? 3 : 4;
}

function lookUp(query) {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return [];
  return globalThis.deepsightSearch
    .map((entry) => ({ entry, rank: rankOf(entry, wanted) }))
    .filter(({ rank }) => rank !== null)
    .sort((a, b) => a.rank - b.rank || SORTS.indexOf(a.entry[0]) - SORTS.indexOf(b.entry[0]))
    .map(({ entry }) => entry);
}

function makeOption([sort, title, place, href], number) {
  const option = document.createElement("li");
  const link = document.createElement("a");
  option.id = `found-${number}`;
  option.setAttribute("role", "option");
  link.href = href;
  link.tabIndex = -1;
  for (const [name, text] of [["sort", sort], ["title", title], ["place", place]]) {
    const part = document.createElement("span");
    part.className = `found-${name}`;
    part.textContent = text;
    link.append(part, " ");
  }
  option.append(link);
  return option;
}

function prepareSearch() {
  const finder = document.querySelector(".finder");
  const [input, list] = [finder.querySelector("input"), finder.querySelector("ul")];
  const status = finder.querySelector("[role=status]");
  let chosen = 0;

  function choose(next) {
    const options = [...list.children];
    if (!options.length) return;
    chosen = (next + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
    input.setAttribute("aria-activedescendant", options[chosen].id);
    options[chosen].scrollIntoView({ block: "nearest" });
  }

  function show(isOpen) {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) input.removeAttribute("aria-activedescendant");
  }

  function look() {
    const isAsked = input.value.trim() !== "";
    const found = lookUp(input.value);
    list.replaceChildren(...found.slice(0, MAX_FOUND).map(makeOption));
    status.textContent = isAsked ? `${found.length} found` : "";
    list.dataset.more = found.length > MAX_FOUND ? `and ${found.length - MAX_FOUND} more` : found.length ? "" : "Nothing found";
    show(isAsked);
    choose(0);
  }

  const close = () => show(false);

  const actions = {
    ArrowDown: () => choose(chosen + 1),
    ArrowUp: () => choose(chosen - 1),
    Enter: () => { if (!list.hidden) list.children[chosen]?.querySelector("a").click(); },
    Escape: () => { input.value = ""; close(); input.blur(); },
  };
  finder.hidden = false;
  input.addEventListener("input", look);
  input.addEventListener("focus", look);
  input.addEventListener("keydown", (event) => {
    if (!(event.key in actions) || event.isComposing) return;
    event.preventDefault();
    actions[event.key]();
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the input keeps the focus for the click
  list.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
  input.addEventListener("blur", close);
  return () => { input.focus(); input.select(); };
}

// ---- places: what an address names is shown, also where it has moved from a chapter's page to a stage's --------

function goToPlace() {
  const anchor = location.hash.slice(1);
  if (!anchor) return;
  const place = document.getElementById(decodeURIComponent(anchor));
  const folded = place?.closest("details:not([open])");
  if (folded) {
    folded.open = true;
    place.scrollIntoView();
  }
  const moved = place ? null : globalThis.deepsightSearch.find(([, , , href]) => href.endsWith(`#${anchor}`));
  if (moved) location.replace(moved[3]);
}

// ---- keys ----------------------------------------------------------------------------------------------------

// Entries of this page: stages on a chapter's page, findings on the first, figures and tables on a stage's.
function step(by) {
  const entries = [...document.querySelectorAll("main .listed, main .finding, main .part")];
  if (!entries.length) return;
  const present = entries.findIndex((entry) => entry.contains(document.activeElement));
  const below = entries.findIndex((entry) => entry.getBoundingClientRect().top > innerHeight / 4);
  const from = present >= 0 ? present + by : below < 0 ? entries.length - 1 : below - (by < 0 ? 1 : 0);
  const entry = entries[Math.max(0, Math.min(from, entries.length - 1))];
  const target = entry.querySelector("h2 a") ?? entry;
  if (target === entry) entry.tabIndex = -1;
  target.focus({ preventScroll: true });
  entry.scrollIntoView({ block: "start" });
}

function turnTo(relation) {
  const link = document.querySelector(`link[rel=${relation}]`);
  if (link) location.assign(link.href);
}

function prepareKeys(search) {
  const dialog = document.querySelector("dialog.keys");
  const isUsed = dialog.querySelector("input");
  const button = document.querySelector(".show-keys");
  const actions = {
    "/": search,
    "?": () => { dialog.showModal(); dialog.querySelector("button").focus(); },
    j: () => step(1),
    k: () => step(-1),
    n: () => turnTo("next"),
    p: () => turnTo("prev"),
  };
  isUsed.checked = stored(KEYS_KEY) !== "off";
  isUsed.addEventListener("change", () => keep(KEYS_KEY, isUsed.checked ? "on" : "off"));
  button.hidden = false;
  button.addEventListener("click", actions["?"]);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, [role=application], dialog");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !isUsed.checked) return;
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

prepareKeys(prepareSearch());
goToPlace();
window.addEventListener("hashchange", goToPlace);
