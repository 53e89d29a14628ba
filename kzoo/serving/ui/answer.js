// An answer's outputs, each shown by what it holds: pictures, maps, tables, vectors, texts.

import { fromBase64, imageType, paintedCanvas } from "./images.js";

const MIN_MAP_SIZE = 8;
const MAX_ROWS = 100;
const MAX_SPELLED = 16;
const MAX_SHOWN_CHARACTERS = 4000;

export function showAnswer(section, outputs, signature, bitmap) {
  section.replaceChildren();
  const isBatched = signature.inputs.some(({ sizes }) => sizes === null || sizes[0] < 0);
  const rest = new Map();
  for (const { name, sizes, dtype } of signature.outputs) {
    if (!(name in outputs)) continue;
    const value = outputs[name];
    const isRow = isBatched && Array.isArray(value) && value.length === 1 && (sizes === null || sizes[0] <= 1);
    rest.set(name, { dtype, value: readStrings(isRow ? value[0] : value) });
  }
  const pictures = element("div", { className: "pictures" });
  const key = nameOfLabels(rest);
  for (const [name, { dtype, value }] of rest) {
    const shown = asPicture(name, dtype, value, bitmap, rest.get(key)?.value);
    if (shown === null) continue;
    pictures.append(shown);
    rest.delete(name);
    if (shown.querySelector(".legend") !== null) rest.delete(key);
  }
  if (pictures.children.length) section.append(pictures);
  for (const columns of tables(rest)) section.append(asTable(columns));
  for (const [name, { value }] of rest) section.append(titled(name, asRest(value)));
}

// Strings stand as text or as {"b64": ...}; images are kept as bytes, all else becomes text if it is any.
function readStrings(value) {
  if (Array.isArray(value)) return value.map(readStrings);
  if (value === null || typeof value !== "object") return value;
  const bytes = fromBase64(value.b64);
  if (imageType(bytes) !== null) return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return `${bytes.length} bytes`;
  }
}

function shapeOf(value) {
  const shape = [];
  for (let inner = value; Array.isArray(inner); [inner] = inner) shape.push(inner.length);
  return shape;
}

function asPicture(name, dtype, value, bitmap, names) {
  if (value instanceof Uint8Array) return titled(name, pictureOf(value, name));
  const shape = shapeOf(value);
  const isMap = (shape.length === 2 || (shape.length === 3 && [1, 3].includes(shape[2])))
    && Math.min(shape[0], shape[1]) >= MIN_MAP_SIZE && typeof value.flat(Infinity)[0] !== "string";
  if (!isMap) return null;
  const single = shape[2] === 1 ? value.map((row) => row.map(([only]) => only)) : value;
  if (dtype.includes("int") && shape[2] !== 3) return titled(name, ...overlay(single, bitmap, names));
  return titled(name, paintedCanvas(single, shades(single)));
}

// Numbers as shades: of -1 to 1, 0 to 1 or 0 to 255, whichever range holds them; others from least to most.
function shades(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const number of values.flat(2)) {
    least = Math.min(least, number);
    most = Math.max(most, number);
  }
  const ranges = [[0, 1], [-1, 1], [0, 255], [least, most]];
  const [low, high] = ranges.find(([from, to]) => from - 0.01 <= least && most <= to + 0.01);
  const shade = (number) => (255 * (number - low)) / (high - low || 1);
  return (value) => (Array.isArray(value)
    ? [...value.map(shade), 255] : [shade(value), shade(value), shade(value), 255]);
}

function overlay(labels, bitmap, names) {
  const counts = new Map();
  for (const label of labels.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const canvas = paintedCanvas(labels, (label) => [...colour(label), bitmap === null ? 255 : 150]);
  if (bitmap !== null) {
    const context = canvas.getContext("2d");
    context.globalCompositeOperation = "destination-over";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  }
  const legend = element("ul", { className: "legend" });
  const total = labels.length * labels[0].length;
  for (const [label, count] of [...counts].sort((one, other) => other[1] - one[1]).slice(0, MAX_ROWS)) {
    const share = `${names?.[label] ?? label} ${((100 * count) / total).toFixed(1)} %`;
    legend.append(element("li", {}, swatch(colour(label)), share));
  }
  return [canvas, legend];
}

// The output that spells the labels of a map, whose legend then stands for it.
function nameOfLabels(outputs) {
  const spells = ([name, { value }]) => /names|classes|labels/.test(name) && typeof value?.[0] === "string";
  return [...outputs].find(spells)?.[0];
}

// Colours of labels: turns of the golden angle, so that neighbours differ; 0 is dark.
function colour(label) {
  if (label === 0) return [40, 40, 40];
  const channel = (offset) => {
    const turn = (offset + label * 4.2708) % 12;
    return Math.round(255 * (0.52 - 0.4 * Math.max(-1, Math.min(turn - 3, 9 - turn, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

function swatch(rgb) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("aria-hidden", "true");
  const square = document.createElementNS(svg.namespaceURI, "rect");
  for (const [key, value] of Object.entries({ width: 1, height: 1, fill: `rgb(${rgb})` })) {
    square.setAttribute(key, value);
  }
  svg.append(square);
  return svg;
}

// Vectors of one length beside a vector of strings or pictures are columns of one table.
function* tables(outputs) {
  const isColumn = ({ value }) => Array.isArray(value) && shapeOf(value).length === 1 && value.length <= MAX_ROWS;
  for (const [name, output] of outputs) {
    const isKey = isColumn(output) && output.value.length && typeof output.value[0] !== "number";
    if (!isKey) continue;
    const columns = new Map([[name, output.value]]);
    for (const [other, candidate] of outputs) {
      if (isColumn(candidate) && candidate.value.length === output.value.length) {
        columns.set(other, candidate.value);
      }
    }
    for (const column of columns.keys()) outputs.delete(column);
    yield columns;
  }
}

function asTable(columns) {
  const head = element("tr", {}, ...[...columns.keys()].map((name) => element("th", { scope: "col" }, name)));
  const body = element("tbody");
  const [length] = [...columns.values()].map((values) => values.length);
  for (let row = 0; row < length; row += 1) {
    const cells = [...columns.values()].map((values) => cell(values[row], isShare(values)));
    body.append(element("tr", {}, ...cells));
  }
  const table = element("table", {}, element("thead", {}, head), body);
  return element("div", { className: "output scroll" }, table);
}

function isShare(values) {
  return values.every((value) => typeof value === "number" && value >= 0 && value <= 1);
}

function cell(value, share) {
  if (value instanceof Uint8Array) return element("td", {}, pictureOf(value, "picture"));
  if (!share) return element("td", {}, numberText(value));
  const bar = element("progress", { max: 1, value, ariaHidden: "true" });
  return element("td", { className: "bar" }, `${(100 * value).toFixed(1)} %`, bar);
}

function asRest(value) {
  const shape = shapeOf(value);
  const numbers = shape.length === 1 && typeof value[0] === "number";
  if (numbers && value.length > 1) return vector(value);
  if (!shape.length) return element("p", { className: "text" }, numberText(value));
  const text = JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? `${inner.length} bytes` : inner));
  const cut = text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)} ...` : text;
  return element("pre", { tabIndex: 0 }, `[${shape.join(", ")}] ${cut}`);
}

function vector(values) {
  if (values.length <= MAX_SPELLED) return element("p", { className: "text" }, values.map(numberText).join(", "));
  const most = Math.max(...values.filter(Number.isFinite).map(Math.abs)) || 1;
  const canvas = element("canvas", { width: Math.max(256, values.length), height: 64, role: "img" });
  const norm = numberText(Math.hypot(...values));
  canvas.setAttribute("aria-label", `${values.length} numbers as bars`);
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.body).color;
  const width = canvas.width / values.length;
  values.forEach((value, index) => {
    const height = Math.max(-30, Math.min((30 * value) / most, 30));
    context.fillRect(index * width, 32, Math.max(width, 1), -height);
  });
  const said = `${values.length} numbers, norm ${norm}: ${values.slice(0, 6).map(numberText).join(", ")}, ...`;
  return element("div", {}, canvas, element("p", { className: "about" }, said));
}

function pictureOf(bytes, name) {
  const url = URL.createObjectURL(new Blob([bytes], { type: imageType(bytes) }));
  const image = element("img", { alt: name, src: url, className: "picture" });
  image.addEventListener("load", () => URL.revokeObjectURL(url));
  return image;
}

function numberText(value) {
  return typeof value !== "number" || Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

function titled(name, ...children) {
  return element("div", { className: "output" }, element("h3", {}, name), ...children);
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
