// Words, numbers and elements; and the data, as they were packed.

const at = (id) => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
const now = {
  language: data.language, seed: 1, running: false, broken: false,
  told: null, // what the trainer said last
  before: null, // the same before a single step
  seen: null, // what the watcher saw last
  right: null, speed: 0, sample: null, answer: null, reading: null, plane: null,
};

const words = () => data.words[now.language];
const say = (key, params = {}) =>
  words()[key].replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? ""));
const count = (n) => Math.round(n).toLocaleString(now.language);
const short = (x) => (!Number.isFinite(x) ? (Number.isNaN(x) ? "NaN" : x < 0 ? "-∞" : "∞")
  : Math.abs(x) >= 1e4 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(1) : String(Number(x.toPrecision(3))))
  .replaceAll("-", "−");
const turned = (old, x) => (old === undefined || short(old) === short(x) ? short(x) : `${short(old)} → ${short(x)}`);
const className = (c) => data.classes?.[c] ?? String(c);
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

const make = (tag, kind, ...inside) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(...inside);
  return made;
};

const bytesOf = async (text) => {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
const floats = async (text) => new Float32Array((await bytesOf(text)).buffer);
const all = async (table) =>
  Object.fromEntries(await Promise.all(Object.entries(table).map(async ([k, v]) => [k, await floats(v.data)])));

async function samples(packed) {
  if (packed.whole) return new Int32Array((await bytesOf(packed.whole)).buffer);
  if (packed.numbers) return floats(packed.numbers);
  const [ink, rim, middle] = await Promise.all([packed.ink, packed.rim, packed.middle].map(bytesOf));
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

// What is to be painted, one thing in a frame, so that no frame takes long.
const painters = {}, dirty = new Set();
const paint = (...names) => names.forEach((name) => dirty.add(name));
function painted(name) {
  dirty.delete(name);
  pool = pools[name] ??= [];
  pool.used = 0;
  painters[name]();
}
function frame() {
  for (const name of dirty) {
    painted(name);
    break;
  }
  requestAnimationFrame(frame);
}

// Each painter has its canvases again when it paints again, for new ones are dear.
const pools = {};
let pool;
const canvasOf = (width, height) => {
  const canvas = (pool[pool.used++] ??= make("canvas"));
  canvas.width = width;
  canvas.height = height;
  return canvas;
};
