// What stands at the arrows of a picture, written anew when it changes: as faces.py draws it.

const SVG = "http://www.w3.org/2000/svg";
const VALUE = 14, SMALL = 11.5, THUMB = 42, CELLS = 28, BARS = 42;
const WIDTHS = [
  [0.3, "ijlI'"], [0.35, " ,./:;|"], [0.4, "!()-[]t"], [0.45, "r"], [0.55, "csz"], [0.6, "kvxyF"],
  [0.65, "0123456789abdeghnopquET"], [0.75, "HNU"], [0.85, "−∞+="], [0.95, "%"], [1, "m…W"],
];
const widths = new Map(WIDTHS.flatMap(([w, text]) => [...text].map((c) => [c, w])));
const textWidth = (text, size) =>
  Math.round([...text].reduce((sum, c) => sum + (widths.get(c) ?? 0.7), 0) * size * 1000) / 1000;

const svg = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== "" && value !== undefined) made.setAttribute(key, value);
  }
  if (text !== undefined) made.textContent = text;
  return made;
};
const moved = (block, dx, dy) =>
  block.marks.map((mark) => ({ ...mark, x: mark.x + dx, y: mark.y + dy }));

function linesOf(texts, size, style = "") {
  const width = Math.max(...texts.map((text) => textWidth(text, size))), step = size * 1.3;
  const marks = texts.map((text, i) =>
    ({ x: width / 2, y: i * step + size * 0.98, text, style, size, anchor: "middle" }));
  return { width, height: step * texts.length, marks };
}

function stackedOf(blocks, gap) {
  const width = Math.max(...blocks.map((b) => b.width));
  let y = 0;
  const marks = blocks.flatMap((b, i) => {
    y += i ? gap : 0;
    const made = moved(b, (width - b.width) / 2, y);
    y += b.height;
    return made;
  });
  return { width, height: y, marks };
}

function besideOf(left, right, gap) {
  const height = Math.max(left.height, right.height);
  const marks = [
    ...moved(left, 0, (height - left.height) / 2),
    ...moved(right, left.width + gap, (height - right.height) / 2),
  ];
  return { width: left.width + gap + right.width, height, marks };
}

// A value: a number, a small array as it is, a larger one by its shape and what it is like.
function blockOf(value, style) {
  const { array, shape, dtype } = value;
  if (!shape.length) return linesOf([number(plainOf(array[0], dtype))], VALUE, style);
  return inFull(array, shape, dtype, style) ?? digestOf(array, shape, dtype, style);
}

const plainOf = (x, dtype) => (dtype === "bool" ? Boolean(x) : x);

function inFull(array, shape, dtype, style) {
  const size = array.length, columns = shape.at(-1);
  if (!size || shape.length > 2 || columns > (shape.length === 1 ? 6 : 5) || size > 4 * columns) return null;
  for (const digits of [4, 3]) {
    const texts = [...array].map((x) => number(plainOf(x, dtype), digits));
    const rows = Array.from({ length: size / columns }, (_, i) => texts.slice(i * columns, (i + 1) * columns));
    const block = shape.length === 1
      ? linesOf([`[${texts.join(", ")}]`], VALUE, style) : matrixOf(rows, style);
    if (block.width <= 220) return block;
  }
  return null;
}

function matrixOf(cells, style) {
  const size = VALUE - 1, step = VALUE * 1.25, gap = 10, edge = 7;
  const across = cells[0].map((_, j) => Math.max(...cells.map((row) => textWidth(row[j], size))));
  const width = across.reduce((a, b) => a + b, 0) + gap * (across.length - 1) + 2 * edge;
  const height = step * cells.length + 2, marks = [], several = cells.length > 1;
  let x = edge;
  across.forEach((w, j) => {
    cells.forEach((row, i) => marks.push({
      x: several ? x + w : x + w / 2, y: i * step + size + 1, text: row[j], style, size,
      anchor: several ? "end" : "middle",
    }));
    x += w + gap;
  });
  const h = height - 2, bracket = `${style} bracket`.trim();
  marks.push({ x: 0.5, y: 1, d: `M4 0H0V${h}H4`, style: bracket });
  marks.push({ x: width - 0.5, y: 1, d: `M-4 0H0V${h}H-4`, style: bracket });
  return { width, height, marks };
}

const shapeText = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

function percent(share) {
  const whole = Number(fixed(100 * share, 0));
  return whole === 100 && share < 1 ? "99%" : `${whole}%`;
}

// What is worth saying of many numbers.
function factsOf(array, dtype) {
  if (!array.length) return ["empty"];
  const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
  if (dtype === "bool") return [`${percent(mean([...array]))} true`];
  const finite = array.filter(Number.isFinite), found = [];
  if (finite.length) {
    const [low, high] = extremes(finite);
    if (low === high) found.push(finite.length === array.length ? `all ${number(low, 4)}` : number(low, 4));
    else {
      const m = mean(finite), zeros = finite.filter((x) => x === 0).length;
      const shown = Math.abs(m) < restOfMean(dtype) * Math.max(Math.abs(low), Math.abs(high)) ? 0 : m;
      found.push(`${number(low, 3)} … ${number(high, 3)}`, `mean ${number(shown, 3)}`);
      if (100 * zeros >= finite.length) found.push(`${percent(zeros / array.length)} zeros`);
    }
  }
  const nan = array.filter(Number.isNaN).length, infinite = array.length - finite.length - nan;
  if (nan) found.push(`${nan} NaN`);
  if (infinite) found.push(`${infinite} infinite`);
  return found;
}

function extremes(list) {
  let low = Infinity, high = -Infinity;
  for (const x of list) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return [low, high];
}

function digestOf(array, shape, dtype, style) {
  const [first, ...rest] = factsOf(array, dtype);
  const odd = rest.filter((fact) => /(NaN|infinite)$/.test(fact));
  const zeros = rest.filter((fact) => / zeros$/.test(fact) && fact.length > "9% zeros".length);
  const more = odd.length ? odd.slice(0, 2) : (zeros.length ? zeros : rest).slice(0, 1);
  const telling = linesOf([first, ...more], SMALL, style || "faint");
  const text = stackedOf([linesOf([shapeText(shape)], VALUE - 1, style), telling], 1);
  const picture = pictureOf(array, shape, style);
  return picture ? besideOf(picture, text, 8) : text;
}

function pictureOf(array, shape, style) {
  const cells = cellsOf(array, shape);
  if (cells) {
    const [rows, columns] = [cells.length, cells[0].length], scale = THUMB / Math.max(rows, columns);
    const width = Math.max(columns * scale, 7), height = Math.max(rows * scale, 7);
    const rim = { x: 0, y: 0, d: `M0 0H${width}V${height}H0z`, style: "thumb" };
    return { width, height, marks: [{ x: 0, y: 0, width, height, href: heatMap(cells) }, rim] };
  }
  if (Math.max(...shape) !== array.length || array.length < 7) return null;
  const drawn = barsOf(array, THUMB, THUMB * 0.6);
  if (!drawn) return null;
  const [d, zero] = drawn;
  return { width: THUMB, height: THUMB * 0.6, marks: [
    { x: 0, y: zero, d: `M0 0H${THUMB}`, style: "thumb" }, { x: 0, y: 0, d, style: `${style} bar`.trim() }] };
}

function cellsOf(array, shape) {
  const size = array.length;
  if (size < 2) return null;
  let rows = shape.length > 1 ? shape[0] : 1, columns = size / rows;
  if (rows === 1) {
    rows = columns = Math.floor(Math.sqrt(size));
    if (rows < 20 || rows * columns !== size) return null;
  }
  if (rows === 1 || columns === 1) return null;
  const starts = (n) => Array.from({ length: Math.min(n, CELLS) + 1 }, (_, i) =>
    (n > CELLS ? Math.floor((i * n) / CELLS) : i));
  const up = starts(rows), across = starts(columns);
  return up.slice(0, -1).map((top, i) => across.slice(0, -1).map((left, j) => {
    let high = -Infinity, low = Infinity;
    for (let r = top; r < up[i + 1]; r++) for (let c = left; c < across[j + 1]; c++) {
      const x = Number(array[r * columns + c]);
      if (x > high || Number.isNaN(x)) high = x;
      if (x < low || Number.isNaN(x)) low = x;
    }
    return high >= -low ? high : low;
  }));
}

const canvas = document.createElement("canvas");
function heatMap(cells) {
  const rows = cells.length, columns = cells[0].length, pen = canvas.getContext("2d");
  [canvas.width, canvas.height] = [columns, rows];
  const image = pen.createImageData(columns, rows);
  const largest = Math.max(0, ...cells.flat().filter(Number.isFinite).map(Math.abs));
  cells.flat().forEach((x, i) => {
    const level = largest > 0 ? Math.round((Math.abs(x) / largest) * 63) : 0;
    const colour = !Number.isFinite(x) ? [0, 0, 0, 255]
      : [...(x < 0 ? [33, 102, 192] : [217, 95, 2]), Math.round(255 * (level / 63) ** 0.7)];
    image.data.set(colour, 4 * i);
  });
  pen.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function barsOf(array, width, height) {
  const count = Math.min(array.length, BARS);
  const values = Array.from({ length: count }, (_, i) =>
    Number(array[array.length > BARS ? Math.floor((i * array.length) / BARS) : i]))
    .map((x) => (Number.isFinite(x) ? x : 0));
  const high = Math.max(0, ...values), low = Math.min(0, ...values);
  if (high === low) return null;
  const scale = height / (high - low), round = (x) => Math.round(x * 100) / 100;
  const zero = round(scale * high), step = width / count, wide = round(step * 0.8);
  const path = values.map((x, i) => [i, round(scale * (high - x))]).filter(([, top]) => top !== zero)
    .map(([i, top]) => `M${(i * step).toFixed(1)} ${zero}V${top}h${wide}V${zero}z`);
  return [path.join(""), zero];
}

// What pictures say in English, in the language chosen; what comes from a graph stays as it is.
const SAYINGS = [
  [/^mean (.+)$/, "in_mean"], [/^(\d+%) zeros$/, "in_zeros"], [/^(\d+%) true$/, "in_true"],
  [/^all (.+)$/, "in_all"], [/^(\d+) infinite$/, "in_infinite"], [/^(empty)$/, "in_empty"],
  [/^([\d,]+) more nodes?(?: and [\d,]+ of the inputs)?$/, "in_fold"],
];
function saying(text) {
  if (now.language === "en") return text;
  for (const [pattern, key] of SAYINGS) {
    const found = pattern.exec(text);
    if (found) return words()[key].replace("{x}", () => found[1]);
  }
  return text;
}
function sayLabels(i) {
  for (const text of views[i].querySelectorAll(".g-label text:not(.b), .g-fold text")) {
    text.said ??= text.textContent;
    text.textContent = saying(text.said);
  }
}

// Write a label anew: above its line, or for a derivative below it; no wider than its place.
function relabel(group, value) {
  const derivative = group.matches(".derivative");
  const reach = group.querySelector(".reach");
  const [x, y, width, height] = ["x", "y", "width", "height"].map((n) => Number(reach.getAttribute(n)));
  const block = blockOf(value, derivative ? "d" : "");
  const top = derivative ? y : y + height - block.height;
  for (const old of [...group.children]) {
    if (old !== reach && !/\bb\b/.test(old.getAttribute("class") ?? "")) old.remove();
  }
  const inner = svg("g", {});
  const room = Math.max(width, 64) + 8, scale = Math.min(1, room / block.width);
  const middle = x + width / 2;
  if (scale < 1) {
    const low = derivative ? y : y + height;
    inner.setAttribute("transform", `translate(${middle} ${low}) scale(${scale}) translate(${-middle} ${-low})`);
  }
  for (const mark of moved(block, middle - block.width / 2, top)) {
    if (mark.text !== undefined) inner.append(svg("text", { class: mark.style, x: mark.x, y: mark.y,
      "font-size": mark.size, "text-anchor": mark.anchor }, mark.text));
    else if (mark.href) inner.append(svg("image", { x: mark.x, y: mark.y, width: mark.width,
      height: mark.height, preserveAspectRatio: "none", href: mark.href }));
    else inner.append(svg("path", { class: mark.style, transform: `translate(${mark.x} ${mark.y})`, d: mark.d }));
  }
  group.append(inner);
}
