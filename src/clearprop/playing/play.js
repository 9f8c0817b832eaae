"use strict";
{
const at = (id) => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const now = { language: data.language, running: false, seed: 1, dirty: false, report: null, before: null, every: 1 };
const words = () => data.words[now.language];
const say = (key, params = {}) =>
  words()[key].replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? ""));
const make = (tag, kind, ...inside) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(...inside);
  return made;
};
const short = (x) => (!Number.isFinite(x) ? (Number.isNaN(x) ? "NaN" : "∞")
  : Math.abs(x) >= 1e4 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(1) : String(Number(x.toPrecision(3))))
  .replaceAll("-", "−");
const className = (c) => data.classes?.[c] ?? String(c);

// Data.

const bytesOf = async (text) => {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
const floats = async (text) => new Float32Array((await bytesOf(text)).buffer);

async function samples() {
  if (data.x.numbers) return floats(data.x.numbers);
  const [ink, rim, middle] = await Promise.all([data.x.ink, data.x.rim, data.x.middle].map(bytesOf));
  const [height, width] = data.image, n = (data.train + data.test) * height * width;
  const on = new Uint8Array(n), out = new Float32Array(n);
  for (let i = 0; i < n; i++) on[i] = (ink[i >> 3] >> (7 - (i & 7))) & 1;
  let r = 0, m = 0;
  for (let i = 0; i < n; i++) {
    if (!on[i]) continue;
    const x = i % width, y = Math.floor(i / width) % height;
    let inside = x > 0 && x < width - 1 && y > 0 && y < height - 1;
    for (let dy = -width; inside && dy <= width; dy += width) {
      inside = on[i + dy - 1] && on[i + dy] && on[i + dy + 1];
    }
    out[i] = Math.fround((inside ? middle[m++] : rim[r++]) / 255);
  }
  return out;
}

async function unpacked(list) {
  const entries = await Promise.all(list.map(async ([k, v]) => [k, await floats(v)]));
  return Object.fromEntries(entries);
}

let X, T, machine, first, worker;
const losses = [], smooth = [];

async function start() {
  const of = (table) => unpacked(Object.entries(table).map(([k, v]) => [k, v.data]));
  const [x, t, params, states, fixed] = await Promise.all([samples(), bytesOf(data.t),
    unpacked(data.params.filter((p) => p.data).map((p) => [p.name, p.data])), of(data.states), of(data.fixed)]);
  X = x;
  T = data.kind === "classes" ? new Int32Array(t.buffer) : new Float32Array(t.buffer);
  const arrays = { params, states, fixed };
  machine = new Machine(data, arrays);
  first = Object.fromEntries(Object.entries(machine.vectors).map(([k, v]) => [k, v.slice()]));
  const text = at("program").textContent;
  worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  worker.onerror = (event) => { at("died").textContent = event.message; at("died").hidden = false; };
  worker.onmessage = ({ data: report }) => heard(report);
  worker.postMessage({ kind: "begin", data, X, T, arrays, seed: now.seed });
  setPace();
  example();
}

function heard(report) {
  now.before = report.why === "begin" ? null : now.report;
  now.report = report;
  Object.assign(machine.vectors, report.vectors);
  machine.states = report.states;
  machine.steps = report.steps;
  if (report.why === "begin") {
    losses.length = smooth.length = 0;
    now.every = 1;
    first = Object.fromEntries(Object.entries(report.vectors).map(([k, v]) => [k, v.slice()]));
  }
  if (losses.length > 20000) {  // every other one is enough for the curve
    for (const list of [losses, smooth]) list.splice(0, list.length, ...list.filter((_, i) => i % 2 === 0));
    now.every *= 2;
  }
  for (const loss of report.losses.filter((_, i) => i % now.every === 0)) {
    losses.push(loss);
    smooth.push(smooth.length ? smooth.at(-1) + (loss - smooth.at(-1)) * 0.05 : loss);
  }
  if (report.why === "broken") now.running = false;
  const dead = report.inside.layers.find((l) => l.units > 1 && l.silent === l.units);
  const broken = report.why === "broken" || !Number.isFinite(report.inside.loss);
  at("died").hidden = !broken && !dead;
  at("died").textContent = broken ? say("died_loss") : dead ? say("died_units", { layer: dead.name }) : "";
  now.dirty = true;
}

// What is drawn, at most once a frame.

function frame() {
  if (now.dirty && machine && now.report) {
    now.dirty = false;
    show();
  }
  requestAnimationFrame(frame);
}

function show() {
  const { report } = now;
  at("go").textContent = now.running ? `❚❚ ${say("pause")}` : `▶ ${say("train")}`;
  at("steps").textContent = report.steps.toLocaleString(now.language);
  at("loss").textContent = short(smooth.length ? smooth.at(-1) : report.inside.loss);
  at("right-box").hidden = report.right === null;
  if (report.right !== null) at("right").textContent = `${(report.right * 100).toFixed(1)} %`;
  if (report.speed) at("speed").textContent = Math.round(report.speed).toLocaleString(now.language);
  drawCurve();
  showInside();
  if (data.image) drawFilters();
  if (isPlane) drawPlane();
  read();
}

const sized = (canvas, height, width = canvas.clientWidth) => {
  const k = devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = width * k;
  canvas.height = height * k;
  canvas.style.height = `${height}px`;
  pen.setTransform(k, 0, 0, k, 0, 0);
  return [pen, width];
};

function drawCurve() {
  const height = 160, [pen, width] = sized(at("curve"), height), left = 36, low = height - 20;
  if (width < 60) return;
  const n = Math.max(losses.length, 50);
  const top = Math.max(1e-6, ...smooth.slice(0, 3), ...smooth.slice(-200)) * 1.1;
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = css("--faint");
  pen.strokeStyle = css("--line");
  for (let i = 0; i <= 3; i++) {
    const y = low - ((low - 8) * i) / 3;
    pen.beginPath(); pen.moveTo(left, y); pen.lineTo(width, y); pen.stroke();
    pen.textAlign = "right";
    pen.fillText(short((top * i) / 3), left - 5, y + 4);
  }
  pen.textAlign = "center";
  for (let i = 0; i <= 4; i++) pen.fillText(String(Math.round((n * now.every * i) / 4)), Math.min(width - 16, left + ((width - left) * i) / 4 + 6), height - 4);
  const line = (list, colour, thick, alpha) => {
    pen.strokeStyle = colour; pen.lineWidth = thick; pen.globalAlpha = alpha;
    pen.beginPath();
    const every = Math.max(1, Math.floor(list.length / (width * 2)));
    for (let i = 0; i < list.length; i += every) {
      pen.lineTo(left + ((width - left) * i) / n, low - ((low - 8) * Math.min(list[i], top)) / top);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  };
  line(losses, css("--accent"), 1, 0.3);
  line(smooth, css("--accent"), 2, 1);
}

// Bars of how often which value comes.
function histogram(found) {
  const canvas = make("canvas"), w = 96, h = 26, k = devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = w * k; canvas.height = h * k;
  canvas.style.width = `${w}px`; canvas.style.height = `${h}px`;
  pen.scale(k, k);
  const most = Math.max(1, ...found.bins.map(Math.sqrt)), step = w / found.bins.length;
  found.bins.forEach((n, i) => {
    pen.fillStyle = css(i < found.bins.length / 2 ? "--minus" : "--plus");
    const high = (Math.sqrt(n) / most) * h;
    pen.fillRect(i * step, h - high, step - 1, high);
  });
  return canvas;
}

function binned(array) {
  let most = 0;
  for (const v of array) most = Math.max(most, Math.abs(v));
  const bins = new Array(24).fill(0);
  for (const v of array) bins[Math.min(23, Math.floor(((v / (most || 1) + 1) / 2) * 24))]++;
  return { bins, most };
}

const parameterLayer = () => {
  const free = [...data.params], found = {};
  for (const layer of now.report.inside.layers) {
    const own = free.filter((p) => p.name.startsWith(`${layer.name}.`));
    if (own.length) found[layer.name] = own;
  }
  if (Object.keys(found).length) return found;
  // Names such as W1, b1: in the order of the layers that have any.
  const numbers = [...new Set(data.params.map((p) => /\d+$/.exec(p.name)?.[0] ?? p.name))];
  const having = now.report.inside.layers.filter((l) => !/Relu|Sigmoid|Tanh|Pooling|Flatten|Dropout|Elu|Gelu|Softplus|Softmax|Loss/.test(l.layer));
  numbers.forEach((number, i) => {
    if (having[i]) found[having[i].name] = data.params.filter((p) => (/\d+$/.exec(p.name)?.[0] ?? p.name) === number);
  });
  return found;
};

function showInside() {
  const owners = parameterLayer(), { inside } = now.report, before = now.before?.inside;
  const largest = Math.max(1e-30, ...Object.values(inside.slopes).map((s) => s.size).filter(Number.isFinite));
  const change = (x, y) => (y === undefined || !Number.isFinite(y) || short(x) === short(y) ? "" : ` (${short(y)} →)`);
  at("layers").replaceChildren(...inside.layers.map((layer, i) => {
    const acts = make("td", layer.silent === layer.units ? "dead" : "", histogram(layer));
    const range = make("small", "", `${short(layer.low)} … ${short(layer.high)}`);
    if (layer.silent) range.append(`, ${say("silent", { n: layer.silent, m: layer.units })}`);
    acts.append(range);
    const weights = make("td"), slopes = make("td");
    for (const p of owners[layer.name] ?? []) {
      const found = binned(machine.param(p)), s = inside.slopes[p.name];
      if (sizeOf(p.shape) > 1 && p.shape.length > 1) weights.append(histogram(found));
      weights.append(make("small", "", `${p.name} ${p.shape.join(" × ")}, ±${short(found.most)}`));
      if (!s) continue;
      const meter = make("span", "meter", make("u"));
      const share = Math.max(0, 1 + Math.log10(s.size / largest) / 6);
      meter.firstChild.style.width = `${Math.min(100, share * 100)}%`;
      slopes.append(make("div", "", meter, `${short(s.size)}`, make("small", "", `${p.name}${change(s.size, before?.slopes[p.name]?.size)}`)));
    }
    return make("tr", "", make("td", "", layer.name, make("small", "", String(layer.units))), acts, weights, slopes);
  }));
}

// Numbers as coloured cells.
function cells(array, width, height, from = 0, scale = 0) {
  const canvas = make("canvas"), pen = canvas.getContext("2d");
  canvas.width = width; canvas.height = height;
  const image = pen.createImageData(width, height);
  let most = scale;
  if (!most) for (let i = 0; i < width * height; i++) most = Math.max(most, Math.abs(array[from + i] ?? 0));
  const light = !matchMedia("(prefers-color-scheme: dark)").matches, ground = light ? 246 : 34;
  for (let i = 0; i < width * height; i++) {
    const v = array[from + i];
    if (v === undefined) continue;
    const s = Math.min(1, Math.abs(v) / (most || 1)), colour = v > 0 ? [217, 95, 2] : [33, 102, 192];
    colour.forEach((c, k) => (image.data[4 * i + k] = ground + (c - ground) * s));
    image.data[4 * i + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

// What the first layer looks for: columns of its weights as images, or filters.
function drawFilters() {
  const p = data.params.find((one) => one.shape.length > 1), now_ = p && machine.param(p);
  const [height, width] = data.image, conv = p?.shape.length === 4;
  const fits = conv ? p.shape[1] === 1 : p?.shape[0] === height * width;
  at("filters").hidden = !fits;
  if (!fits) return;
  const begin = first[`${p.group}:`].subarray(p.start, p.start + now_.length);
  const w = conv ? p.shape[3] : width, h = conv ? p.shape[2] : height;
  const count = Math.min(conv ? p.shape[0] : p.shape[1], 100), canvas = at("tiles");
  const room = canvas.clientWidth, columns = Math.max(5, Math.floor(room / (conv ? 52 : 66)));
  const gap = 4, cell = (room - gap * (columns - 1)) / columns, rows = Math.ceil(count / columns);
  const [pen] = sized(canvas, Math.ceil(rows * ((cell * h) / w + gap)));
  pen.imageSmoothingEnabled = false;
  const tile = new Float32Array(w * h), changed = at("change").checked;
  for (let u = 0; u < count; u++) {
    for (let i = 0; i < w * h; i++) {
      const k = conv ? u * w * h + i : i * p.shape[1] + u;
      tile[i] = now_[k] - (changed ? begin[k] : 0);
    }
    pen.drawImage(cells(tile, w, h), (u % columns) * (cell + gap),
      Math.floor(u / columns) * ((cell * h) / w + gap), cell, (cell * h) / w);
  }
}

// Two inputs: what the network says everywhere.
const isPlane = sizeOf(data.sample) === 2 && data.kind === "classes";
const COLOURS = [[217, 95, 2], [33, 102, 192], [27, 158, 119], [166, 86, 200], [102, 102, 102], [230, 171, 2]];
let bounds;
function drawPlane() {
  const side = 60, canvas = at("map"), height = Math.min(canvas.clientWidth, 420);
  if (!bounds) {
    const of = (k) => { let a = Infinity, b = -Infinity; for (let i = k; i < X.length; i += 2) { a = Math.min(a, X[i]); b = Math.max(b, X[i]); } return [a - (b - a) * 0.1, b + (b - a) * 0.1]; };
    bounds = [of(0), of(1)];
  }
  const [[x0, x1], [y0, y1]] = bounds, n = data.batch, image = new ImageData(side, side);
  for (let start = 0; start < side * side; start += n) {
    const x = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      const p = Math.min(start + i, side * side - 1);
      x[2 * i] = x0 + ((x1 - x0) * ((p % side) + 0.5)) / side;
      x[2 * i + 1] = y1 - ((y1 - y0) * (Math.floor(p / side) + 0.5)) / side;
    }
    const [scores] = machine.call("judge", { x }), k = scores.length / n;
    for (let i = 0; i < n && start + i < side * side; i++) {
      const p = chances(scores.subarray(i * k, i * k + k));
      const colour = [0, 1, 2].map((c) => p.reduce((sum, q, j) => sum + q * COLOURS[j % 6][c], 0));
      image.data.set([...colour, 150], 4 * (start + i));
    }
  }
  const small = make("canvas");
  small.width = small.height = side;
  small.getContext("2d").putImageData(image, 0, 0);
  const [pen, width] = sized(canvas, height);
  pen.drawImage(small, 0, 0, width, height);
  const dots = Math.min(data.train, 600);
  for (let i = 0; i < dots; i++) {
    const x = ((X[2 * i] - x0) / (x1 - x0)) * width, y = ((y1 - X[2 * i + 1]) / (y1 - y0)) * height;
    pen.beginPath();
    pen.arc(x, y, 3.2, 0, 7);
    pen.fillStyle = `rgb(${COLOURS[T[i] % 6].join()})`;
    pen.fill();
    pen.strokeStyle = "#fff";
    pen.stroke();
  }
}

// Scores as chances: of one score by the sigmoid, of several by softmax.
function chances(scores) {
  if (scores.length === 1) {
    const p = 1 / (1 + Math.exp(-scores[0]));
    return [1 - p, p];
  }
  const top = Math.max(...scores), e = [...scores].map((v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

// One sample, read layer by layer.
let sample = null;
const bars = [];
function read() {
  if (!sample) {
    at("big").textContent = "?";
    bars.forEach(([bar, text]) => { bar.style.width = 0; text.textContent = ""; });
    at("reading").replaceChildren();
    return;
  }
  const results = machine.call("look", { x: sample }), scores = results[0];
  if (data.kind === "classes") {
    const p = chances(scores), best = p.indexOf(Math.max(...p));
    at("big").textContent = Number.isFinite(scores[0]) ? className(best) : "?";
    at("big").style.opacity = 0.3 + 0.7 * (p[best] || 0);
    p.forEach((q, c) => bar(c, className(c), q, `${(100 * q).toFixed(0)} %`));
  } else {
    at("big").textContent = [...scores].slice(0, 3).map(short).join(", ");
  }
  const figures = data.gives.look.slice(1).map((give, i) => figureOf(give, results[i + 1]));
  at("reading").replaceChildren(...figures);
}

function figureOf(give, array) {
  const [, ...shape] = give.shape, many = shape.length === 3 && shape[1] * shape[2] > 1;
  const caption = make("figcaption", "", `${give.name} ${shape.join(" × ")}`), box = make("figure", "");
  if (many) {
    const [c, h, w] = shape, shown = Math.min(c, 16), columns = Math.min(shown, 8), gap = 1;
    const canvas = make("canvas"), pen = canvas.getContext("2d"), size = Math.max(h, w) > 14 ? 1.3 : 2.2;
    canvas.width = columns * (w + gap);
    canvas.height = Math.ceil(shown / columns) * (h + gap);
    let most = 0;
    for (const v of array) most = Math.max(most, Math.abs(v));
    for (let k = 0; k < shown; k++) {
      pen.drawImage(cells(array, w, h, k * h * w, most), (k % columns) * (w + gap), Math.floor(k / columns) * (h + gap));
    }
    canvas.style.width = `${canvas.width * size}px`;
    box.append(canvas);
  } else {
    const n = array.length, columns = Math.min(n, n > 60 ? Math.ceil(Math.sqrt(n) * 1.6) : n > 12 ? 10 : n);
    const canvas = cells(array, columns, Math.ceil(n / columns));
    canvas.style.width = `${Math.min(260, columns * (n > 400 ? 4 : 13))}px`;
    box.append(canvas);
  }
  box.append(caption);
  return box;
}

function bar(c, name, share, text) {
  if (!bars[c]) {
    const fill = make("u"), said = make("em"), label = make("span", "name", name);
    at("bars").append(make("div", "bar", label, make("i", "", fill), said));
    bars[c] = [fill, said];
  }
  bars[c][0].style.width = `${share * 100}%`;
  bars[c][1].textContent = text;
}

function example() {
  const count = data.test || data.train, row = (data.test ? data.train : 0) + Math.floor(Math.random() * count);
  const n = sizeOf(data.sample);
  sample = X.slice(row * n, row * n + n);
  const width = sizeOf(data.targets), t = T.subarray(row * width, row * width + width);
  now.answer = data.kind === "classes" ? className(t[0]) : [...t].slice(0, 3).map(short).join(", ");
  at("said").textContent = say("answer", { t: now.answer });
  if (data.image) {
    const [h, w] = data.image, image = new ImageData(w, h), small = make("canvas");
    for (let i = 0; i < w * h; i++) image.data.set([255 * sample[i], 255 * sample[i], 255 * sample[i], 255], 4 * i);
    small.width = w; small.height = h;
    small.getContext("2d").putImageData(image, 0, 0);
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, 280, 280);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, 280, 280);
    now.shown = true;
  }
  now.dirty = true;
}

// The pad.

const pad = at("pad"), pen = pad.getContext("2d", { willReadFrequently: true });
let from = null;
const where = (event) => {
  const box = pad.getBoundingClientRect();
  return [((event.clientX - box.left) * 280) / box.width, ((event.clientY - box.top) * 280) / box.height];
};
function stroke(to) {
  pen.lineWidth = 22;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#fff";
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
  from = to;
}
pad.addEventListener("pointerdown", (event) => {
  pad.setPointerCapture(event.pointerId);
  if (now.shown) clear();
  from = where(event);
  stroke(from);
  seen();
});
pad.addEventListener("pointermove", (event) => {
  if (!from) return;
  for (const one of [...(event.getCoalescedEvents?.() ?? []), event]) stroke(where(one));
  seen();
});
for (const kind of ["pointerup", "pointercancel"]) pad.addEventListener(kind, () => (from = null));

function clear() {
  pen.clearRect(0, 0, 280, 280);
  sample = null;
  now.shown = false;
  at("said").textContent = "";
  now.answer = undefined;
  now.dirty = true;
}

// As MNIST was made: the ink scaled into 20 of 28 pixels, its centre of mass in the middle.
function seen() {
  const ink = pen.getImageData(0, 0, 280, 280).data, [height, width] = data.image;
  let x0 = 280, x1 = -1, y0 = 280, y1 = -1;
  for (let y = 0; y < 280; y++) for (let x = 0; x < 280; x++) {
    if (ink[(y * 280 + x) * 4 + 3] <= 40) continue;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  if (x1 < 0) return;
  const scale = ((20 / 28) * Math.min(height, width)) / Math.max(x1 - x0 + 1, y1 - y0 + 1);
  const small = make("canvas"), brush = small.getContext("2d", { willReadFrequently: true });
  small.width = width; small.height = height;
  brush.imageSmoothingQuality = "high";
  const w = (x1 - x0 + 1) * scale, h = (y1 - y0 + 1) * scale;
  const paint = (x, y) => {
    brush.clearRect(0, 0, width, height);
    brush.drawImage(pad, x0, y0, x1 - x0 + 1, y1 - y0 + 1, x, y, w, h);
    return brush.getImageData(0, 0, width, height).data;
  };
  const left = (width - w) / 2, top = (height - h) / 2;
  let found = paint(left, top), mass = 0, mx = 0, my = 0;
  for (let i = 0; i < width * height; i++) {
    const v = found[4 * i + 3];
    mass += v;
    mx += v * ((i % width) + 0.5);
    my += v * (Math.floor(i / width) + 0.5);
  }
  found = paint(left + Math.round(width / 2 - mx / mass), top + Math.round(height / 2 - my / mass));
  sample = Float32Array.from({ length: width * height }, (_, i) => found[4 * i + 3] / 255);
  now.dirty = true;
}

// Hands.

const click = (id, act) => at(id).addEventListener("click", act);
click("go", () => {
  now.running = !now.running;
  worker.postMessage({ kind: now.running ? "run" : "pause" });
  now.dirty = true;
});
click("one", () => { now.running = false; worker.postMessage({ kind: "steps", count: 1 }); });
click("again", () => { now.running = false; worker.postMessage({ kind: "again", seed: now.seed }); });
click("clear", clear);
click("example", example);
at("change").addEventListener("change", () => (now.dirty = true));
const PACES = [1, 3, 10, 30, 100, 0];
function setPace() {
  const pace = PACES[Number(at("pace").value)];
  at("paced").textContent = pace ? say("pace_some", { n: pace }) : say("pace_all");
  worker?.postMessage({ kind: "pace", pace });
}
function setRate() {
  const rate = 10 ** Number(at("rate").value);
  at("rated").textContent = short(rate);
  worker?.postMessage({ kind: "rate", rate });
}
at("pace").addEventListener("input", setPace);
at("rate").addEventListener("input", setRate);
addEventListener("resize", () => (now.dirty = true));
at("language").addEventListener("change", (event) => {
  now.language = event.target.value;
  speak();
});

function speak() {
  document.documentElement.lang = { zh: "zh-Hans" }[now.language] ?? now.language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = say(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", say(one.dataset.label));
  at("count").textContent = say("numbers_to_learn", { n: data.count.toLocaleString(now.language) });
  at("right-said").textContent = say("right", { n: (Math.floor(data.test / data.batch) * data.batch).toLocaleString(now.language) });
  at("try-title").textContent = say(data.image ? "draw" : "look_at");
  at("drawn").textContent = data.drawn ? say("drawn") : "";
  if (now.answer !== undefined) at("said").textContent = say("answer", { t: now.answer });
  setPace();
  setRate();
  now.dirty = true;
}

for (const [code, name] of Object.entries(data.languages)) {
  const option = make("option", "", name);
  option.value = code;
  at("language").append(option);
}
at("language").value = now.language;
at("rate").value = Math.log10(data.rate || 0.1);
pad.hidden = at("clear").hidden = !data.image;
at("plane").hidden = !isPlane;
if (isPlane) {
  at("try").before(at("plane"));
  at("try").classList.add("wide");
}
speak();
start().catch((error) => { at("died").textContent = String(error.message); at("died").hidden = false; });
requestAnimationFrame(frame);
}
