// The interactive map. Points are drawn by WebGL; pictures, the card and the legend lie above it. What comes from the
// dataset is put in as text and never as markup.
"use strict";

const ABSENT = 65535; // a coordinate: the image is not on this map
const CELLS = 128; // of the index of places, along each side
const MAX_PICTURES = 350; // so many points in view, or fewer, are drawn as pictures
const PICTURE_PX = 40;
const PICK_PX = 14; // how near the pointer must come to a point
const CLICK_PX = 5; // a pointer that moved less has clicked
const MAX_ZOOM = 400;
const RARE_SHARE = 0.05; // of the others; so few points are drawn large
const RARE_PX = 8;

const VERTEX = `#version 300 es
in vec2 place; in vec4 colour; uniform vec2 centre, scale; uniform float size; out vec4 shade;
void main() {
  gl_Position = vec4((place - centre) * scale, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 shade; uniform float size; out vec4 pixel;
void main() {
  float edge = 0.5 - distance(gl_PointCoord, vec2(0.5));
  float alpha = shade.a * clamp(edge * size, 0.0, 1.0);
  pixel = vec4(shade.rgb * alpha, alpha);
}`;

// ---- data ----------------------------------------------------------------------------------------------------

function unpack(text, Type) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Type(bytes.buffer);
}

/** A colouring's groups, the last of which holds the rest, and for each point the group it is shown in. */
function makeColouring(source, n) {
  const groups = [...source.groups, { name: source.rest, colour: null }].map((group) => ({ ...group, isShown: true, n: 0 }));
  const codes = source.codes ? unpack(source.codes, Uint16Array) : new Uint16Array(n);
  const members = source.members?.map((text) => unpack(text, Uint32Array));
  const colouring = { title: source.title, groups, codes, members };
  if (members) {
    const found = new Set();
    members.forEach((points, k) => { groups[k].n = points.length; for (const i of points) found.add(i); });
    groups.at(-1).n = n - found.size;
    assignMembers(colouring);
  } else {
    for (const code of codes) groups[code].n += 1;
  }
  colouring.groups.forEach((group, k) => { group.code = k; });
  return colouring;
}

/** A point with several findings shows the first of them, the worst, that is switched on. */
function assignMembers({ groups, codes, members }) {
  codes.fill(members.length);
  for (const points of members) for (const i of points) codes[i] = ABSENT;
  for (let k = members.length - 1; k >= 0; k -= 1) if (groups[k].isShown) for (const i of members[k]) codes[i] = k;
}

/** Points by cell, so that those near a place are found without looking at all. */
function indexPlaces(places) {
  const n = places.length / 2;
  const cellOf = (i) => Math.floor((places[2 * i] / 65536) * CELLS) + CELLS * Math.floor((places[2 * i + 1] / 65536) * CELLS);
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < n; i += 1) if (places[2 * i] !== ABSENT) starts[cellOf(i) + 1] += 1;
  for (let cell = 0; cell < CELLS * CELLS; cell += 1) starts[cell + 1] += starts[cell];
  const next = starts.slice();
  const points = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) if (places[2 * i] !== ABSENT) points[next[cellOf(i)]++] = i;
  return { starts, points };
}

// ---- drawing points --------------------------------------------------------------------------------------------

function compile(gl, type, source) {
  const shader = gl.createShader(type);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

function makePainter(canvas) {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (!gl) return null;
  const program = gl.createProgram();
  gl.attachShader(program, compile(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, compile(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const buffers = {};
  for (const [name, width, type] of [["place", 2, gl.UNSIGNED_SHORT], ["colour", 4, gl.UNSIGNED_BYTE]]) {
    const location = gl.getAttribLocation(program, name);
    buffers[name] = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, width, type, true, 0, 0);
  }
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  const uniform = (name) => gl.getUniformLocation(program, name);
  const uniforms = { centre: uniform("centre"), scale: uniform("scale"), size: uniform("size") };
  let nBack = 0;
  let nFront = 0;
  return {
    load(name, values) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    },
    order(back, front) {
      [nBack, nFront] = [back.length, front.length];
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, Uint32Array.from(back.concat(front)), gl.STATIC_DRAW);
    },
    paint(view, backSize, frontSize) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(uniforms.centre, view.x, view.y);
      gl.uniform2f(uniforms.scale, (2 * view.zoom) / view.width, (2 * view.zoom) / view.height);
      gl.uniform1f(uniforms.size, backSize);
      gl.drawElements(gl.POINTS, nBack, gl.UNSIGNED_INT, 0);
      gl.uniform1f(uniforms.size, frontSize);
      gl.drawElements(gl.POINTS, nFront, gl.UNSIGNED_INT, 4 * nBack);
    },
  };
}

// ---- the map -----------------------------------------------------------------------------------------------------

function prepareMap(data) {
  const find = (selector) => document.querySelector(`.map ${selector}`);
  const stand = find(".map-stand");
  const canvas = find(".map-points");
  const pictures = find(".map-pictures");
  const card = find(".map-card");
  const list = find(".map-legend ul");
  const search = find(".map-legend input");
  const painter = makePainter(canvas);
  if (!painter) return;
  document.querySelector(".map-problem").hidden = true;
  find("").hidden = false;

  const n = data.paths.length;
  const spaces = data.spaces.map(({ title, places }) => ({ title, places: unpack(places, Uint16Array) }));
  const colourings = data.colourings.map((source) => makeColouring(source, n)).filter((c) => c.groups.length > 1);
  const colours = new Uint8Array(4 * n);
  const isShown = new Uint8Array(n);
  const sheets = new Map(); // number -> picture, loaded when first needed
  const view = { x: 0.5, y: 0.5, zoom: 1, width: 1, height: 1 };
  let space = spaces[0];
  let colouring = colourings[0];
  let isWaiting = false;
  let isFitted = true;
  let isRare = false; // what is to be seen is a few points among many others
  let picked = -1;

  // ---- where things are: places in [0, 1] with y upwards, pixels of the screen with y downwards

  const toScreen = (i) => [
    view.width / 2 + (space.places[2 * i] / 65535 - view.x) * view.zoom,
    view.height / 2 - (space.places[2 * i + 1] / 65535 - view.y) * view.zoom,
  ];
  const toPlace = (x, y) => [view.x + (x - view.width / 2) / view.zoom, view.y - (y - view.height / 2) / view.zoom];
  const fittingZoom = () => 0.94 * Math.min(view.width, view.height);
  const pointPx = () => Math.min(16, Math.max(2.6, Math.sqrt((0.1 * view.width * view.height) / n)) * Math.sqrt(view.zoom / fittingZoom()));

  /** The shown points in a rectangle of the screen, or null if they are more than `limit`. */
  function pointsWithin(left, top, right, bottom, limit) {
    const [x0, y1] = toPlace(left, top);
    const [x1, y0] = toPlace(right, bottom);
    const cell = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)));
    const found = [];
    for (let row = cell(y0); row <= cell(y1); row += 1) {
      const end = space.index.starts[row * CELLS + cell(x1) + 1];
      for (let at = space.index.starts[row * CELLS + cell(x0)]; at < end; at += 1) {
        const i = space.index.points[at];
        const x = space.places[2 * i] / 65535;
        const y = space.places[2 * i + 1] / 65535;
        if (!isShown[i] || x < x0 || x > x1 || y < y0 || y > y1) continue;
        if (found.length === limit) return null;
        found.push(i);
      }
    }
    return found;
  }

  function nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    for (const i of pointsWithin(x - reach, y - reach, x + reach, y + reach, Infinity)) {
      const [px, py] = toScreen(i);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) [best, least] = [i, distance];
    }
    return best;
  }

  // ---- pictures

  function sheetOf(i) {
    const number = Math.floor(i / data.tilesASide ** 2);
    if (!sheets.has(number)) {
      const picture = new Image();
      picture.addEventListener("load", () => { refresh(); if (picked >= 0) drawTile(card.querySelector("canvas"), picked); });
      picture.src = data.sheets[number];
      sheets.set(number, picture);
    }
    return sheets.get(number);
  }

  function copyTile(context, i, x, y, side) {
    const sheet = sheetOf(i);
    if (!sheet.complete || !sheet.naturalWidth) return;
    const tile = i % data.tilesASide ** 2;
    const px = data.tilePx;
    context.imageSmoothingEnabled = false;
    context.drawImage(sheet, (tile % data.tilesASide) * px, Math.floor(tile / data.tilesASide) * px, px, px, x, y, side, side);
  }

  function drawTile(target, i) {
    copyTile(target.getContext("2d"), i, 0, 0, target.width);
  }

  function drawPictures() {
    const context = pictures.getContext("2d");
    const density = pictures.width / view.width;
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const points = view.zoom > 1.5 * fittingZoom() ? pointsWithin(0, 0, view.width, view.height, MAX_PICTURES) : null;
    for (const i of points ?? []) {
      const [x, y] = toScreen(i);
      const half = PICTURE_PX / 2;
      context.fillStyle = `rgb(${colours[4 * i]} ${colours[4 * i + 1]} ${colours[4 * i + 2]})`;
      context.fillRect(x - half - 2, y - half - 2, PICTURE_PX + 4, PICTURE_PX + 4);
      copyTile(context, i, x - half, y - half, PICTURE_PX);
    }
    canvas.dataset.pictures = points?.length ?? 0;
    if (picked >= 0) markPicked(context);
  }

  function markPicked(context) {
    const [x, y] = toScreen(picked);
    context.strokeStyle = getComputedStyle(card).color;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, pointPx() / 2 + 3, 0, 2 * Math.PI);
    context.stroke();
  }

  // ---- drawing, at most once a frame

  function refresh() {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      const frontPx = isRare ? Math.max(RARE_PX, pointPx()) : pointPx();
      painter.paint(view, pointPx() * devicePixelRatio, frontPx * devicePixelRatio);
      drawPictures();
      canvas.dataset.frames = Number(canvas.dataset.frames ?? 0) + 1;
    });
  }

  function resize() {
    view.width = stand.clientWidth;
    view.height = stand.clientHeight;
    for (const layer of [canvas, pictures]) {
      layer.width = Math.round(view.width * devicePixelRatio);
      layer.height = Math.round(view.height * devicePixelRatio);
    }
    if (isFitted) showAll();
    refresh();
  }

  function showAll() {
    Object.assign(view, { x: 0.5, y: 0.5, zoom: fittingZoom() });
    isFitted = true;
    refresh();
  }

  function zoomAt(x, y, factor) {
    const [px, py] = toPlace(x, y);
    view.zoom = Math.min(MAX_ZOOM * fittingZoom(), Math.max(0.5 * fittingZoom(), view.zoom * factor));
    const [qx, qy] = toPlace(x, y);
    move(px - qx, py - qy);
  }

  function move(x, y) {
    view.x = Math.min(1.2, Math.max(-0.2, view.x + x));
    view.y = Math.min(1.2, Math.max(-0.2, view.y + y));
    isFitted = false;
    refresh();
  }

  // ---- colours and legend

  /** A group's colour on the present ground; dark ones are lightened at night. */
  function shade(colour) {
    const ground = getComputedStyle(stand);
    const numbers = (text) => text.match(/\d+(\.\d+)?/g).slice(0, 3).map(Number);
    if (!colour) return numbers(ground.color);
    const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const light = (r, g, b) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
    const isDim = light(...numbers(ground.backgroundColor)) < 0.4 && light(...rgb) < 0.4;
    return isDim ? rgb.map((value) => Math.round(value + 0.4 * (255 - value))) : rgb;
  }

  function recolour() {
    const wanted = search.value.trim().toLowerCase();
    const rest = colouring.groups.length - 1;
    const looks = colouring.groups.map((group, k) => {
      const isMatch = group.name.toLowerCase().includes(wanted);
      return { rgb: shade(isMatch ? group.colour : null), alpha: isMatch && k !== rest ? 215 : 70, isFront: isMatch && k !== rest };
    });
    const back = [];
    const front = [];
    for (let i = 0; i < n; i += 1) {
      const code = colouring.codes[i];
      isShown[i] = code !== ABSENT && colouring.groups[code].isShown && space.places[2 * i] !== ABSENT ? 1 : 0;
      if (!isShown[i]) continue;
      const look = looks[code];
      colours.set(look.rgb, 4 * i);
      colours[4 * i + 3] = look.alpha;
      (look.isFront ? front : back).push(i);
    }
    painter.load("colour", colours);
    painter.order(back, front);
    isRare = front.length < RARE_SHARE * back.length;
    canvas.dataset.drawn = back.length + front.length;
    find(".map-count").textContent = `${(back.length + front.length).toLocaleString("en")} of ${n.toLocaleString("en")} images`;
    pick(-1);
    refresh();
  }

  function makeLegend() {
    list.replaceChildren();
    for (const group of colouring.groups) {
      if (!group.n) continue;
      const row = document.createElement("li");
      const button = document.createElement("button");
      const dot = document.createElement("span");
      const name = document.createElement("bdi");
      const count = document.createElement("span");
      button.type = "button";
      dot.className = "dot";
      dot.style.color = `rgb(${shade(group.colour).join(" ")})`;
      name.textContent = group.name;
      name.title = group.name;
      count.className = "map-n";
      count.textContent = group.n.toLocaleString("en");
      button.setAttribute("aria-pressed", group.isShown);
      button.append(dot, name, count);
      button.addEventListener("click", () => { group.isShown = !group.isShown; switched(); });
      row.append(button);
      row.hidden = !group.name.toLowerCase().includes(search.value.trim().toLowerCase());
      group.button = button;
      list.append(row);
    }
  }

  function switched() {
    for (const { button, isShown: isOn } of colouring.groups) button?.setAttribute("aria-pressed", isOn);
    if (colouring.members) assignMembers(colouring);
    recolour();
  }

  // ---- the card

  const nameIn = ({ groups, codes }, i) => groups[codes[i]].name;
  const findings = colourings.find(({ members }) => members);

  function findingsOf(i) {
    return findings ? findings.groups.filter((_, k) => findings.members[k]?.includes(i)).map(({ name }) => name) : [];
  }

  function addressOf(i) {
    return data.root + data.paths[i].split("/").map(encodeURIComponent).join("/");
  }

  function pick(i, { isPinned = false } = {}) {
    const isSame = picked === i;
    picked = i;
    canvas.dataset.picked = i;
    card.hidden = i < 0;
    card.classList.toggle("is-pinned", isPinned);
    if (!isSame) refresh();
    if (i < 0) return;
    if (!isSame) fillCard(i);
    const [x, y] = toScreen(i);
    const left = x + 16 + card.offsetWidth > view.width ? x - 16 - card.offsetWidth : x + 16;
    const top = Math.min(y + 12, view.height - card.offsetHeight - 4);
    card.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  function fillCard(i) {
    const link = card.querySelector("a");
    const [label, split] = ["Label", "Split"].map((title) => colourings.find((c) => c.title === title));
    card.querySelector("canvas").getContext("2d").clearRect(0, 0, 96, 96);
    drawTile(card.querySelector("canvas"), i);
    card.querySelector(".map-label bdi").textContent = label ? nameIn(label, i) : "";
    card.querySelector(".map-split").textContent = split ? nameIn(split, i) : "";
    link.href = addressOf(i);
    link.firstElementChild.textContent = data.paths[i];
    card.querySelector(".map-findings").replaceChildren(
      ...findingsOf(i).map((name) => {
        const item = document.createElement("li");
        item.textContent = name;
        return item;
      }),
    );
  }

  // ---- pointer, wheel and keys

  const pointers = new Map();
  let travelled = 0;

  const at = (event) => {
    const box = stand.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  function down(event) {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 1) travelled = 0;
  }

  function drag(event) {
    const before = pointers.get(event.pointerId);
    const now = at(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (travelled < CLICK_PX) return;
    canvas.classList.add("is-moving");
    pick(-1);
    const share = other ? 0.5 : 1; // of two fingers, each moves the map by half
    move((share * (before[0] - now[0])) / view.zoom, (share * (now[1] - before[1])) / view.zoom);
    if (other) {
      const spread = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, spread(now) / spread(before));
    }
  }

  function up(event) {
    if (!pointers.delete(event.pointerId)) return;
    canvas.classList.remove("is-moving");
    if (travelled >= CLICK_PX || event.type === "pointercancel") return;
    const isTouch = event.pointerType === "touch";
    pick(nearest(...at(event), isTouch ? 2 * PICK_PX : PICK_PX), { isPinned: isTouch });
    if (!isTouch) open();
  }

  function open() {
    if (picked >= 0) card.querySelector("a").click();
  }

  function pickCentre() {
    pick(nearest(view.width / 2, view.height / 2, Math.min(view.width, view.height) / 4));
  }

  const STEPS = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
  const ZOOMS = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 };

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (STEPS[event.key]) move((STEPS[event.key][0] * view.width) / view.zoom, (STEPS[event.key][1] * view.height) / view.zoom);
    else if (ZOOMS[event.key]) zoomAt(view.width / 2, view.height / 2, ZOOMS[event.key]);
    else if (event.key === "0") showAll();
    else if (event.key === "Enter") return open();
    else return;
    event.preventDefault();
    pickCentre();
  }

  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", (event) => {
    if (pointers.has(event.pointerId)) drag(event);
    else pick(nearest(...at(event), PICK_PX));
  });
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && !pointers.size) pick(-1); });
  canvas.addEventListener("keydown", press);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(...at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
    pick(nearest(...at(event), PICK_PX));
  }, { passive: false });

  // ---- tools

  function choose(select, options, action) {
    select.append(...options.map(({ title }) => new Option(title)));
    select.addEventListener("change", () => action(options[select.selectedIndex]));
  }

  function useSpace(next) {
    space = next;
    space.index ??= indexPlaces(space.places);
    painter.load("place", space.places);
    recolour();
  }

  function useColouring(next) {
    colouring = next;
    search.value = "";
    makeLegend();
    recolour();
  }

  choose(find(".map-space"), spaces, useSpace);
  choose(find(".map-colouring"), colourings, useColouring);
  for (const button of document.querySelectorAll(".map [data-zoom]")) {
    const factor = Number(button.dataset.zoom);
    button.addEventListener("click", () => (factor ? zoomAt(view.width / 2, view.height / 2, factor) : showAll()));
  }
  for (const button of document.querySelectorAll(".map [data-show]")) {
    button.addEventListener("click", () => {
      for (const group of colouring.groups) group.isShown = button.dataset.show === "all";
      switched();
    });
  }
  search.addEventListener("input", () => { makeLegend(); recolour(); });
  const relight = () => { makeLegend(); recolour(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", relight);
  new MutationObserver(relight).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  new ResizeObserver(resize).observe(stand);
  makeLegend();
  useSpace(space);
  resize();
}

document.addEventListener("DOMContentLoaded", () => prepareMap(globalThis.deepsightMap));
