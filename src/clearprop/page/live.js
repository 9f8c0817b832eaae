// What the page computes: every value and derivative, whenever a number is changed.

let results = [], changed = false, fresh = new Map();
const KINDS = { Float32Array, Float64Array, Int32Array, Uint8Array };
const given = (leaf) => {
  if (!leaf.kind) return Number(leaf.data);
  const bytes = Uint8Array.from(atob(leaf.data), (c) => c.charCodeAt(0));
  return new KINDS[leaf.kind](bytes.buffer);
};
const copyOf = (x) => (typeof x === "number" ? x : x.slice());
const first = program ? data.live.leaves.map(given) : [];
let inputs = first.map(copyOf);

function compute() {
  results = program(...inputs);
  fresh = new Map();
  lefts = new Map();
  const tiny = results.flatMap((value, slot) => {
    const most = 8192 * unit(slot);
    return each(value).some((x) => x !== 0 && x < most && x > -most) ? [slot] : [];
  });
  if (tiny.length) clear(tiny);
}

// What rounding has left of 0, as rounding.py knows it: tiny, and as much changed as it is large when
// the inputs change in their last digits.
let lefts = new Map();
const single = new Set(data.live?.single);
const each = (value) => (typeof value === "object" ? value : [value]);
const unit = (slot) => (single.has(slot) ? 2 ** -23 : 2 ** -52);
const isTiny = (x, slot) => x !== 0 && Math.abs(x) < 8192 * unit(slot);

function disturbed(x, i, run) {
  const { dtype } = data.live.leaves[i], eps = dtype === "float32" ? 2 ** -23 : 2 ** -52;
  if (!dtype.startsWith("float") && each(x).every(Number.isInteger)) return x;
  const moved = (v, k) => v * (1 + (((k + i + 2 * run) % 3) - 1) * 6 * eps);
  if (typeof x !== "number") return x.map(moved);
  return dtype === "float32" ? Math.fround(moved(x, 0)) : moved(x, 0);
}

function clear(tiny) {
  results = results.map(copyOf);
  const moved = new Map(tiny.map((slot) => [slot, new Float64Array(each(results[slot]).length)]));
  for (let run = 0; run < 3; run++) {
    const others = program(...inputs.map((x, i) => disturbed(x, i, run)));
    for (const [slot, most] of moved) {
      const now = each(results[slot]);
      each(others[slot]).forEach((x, k) => (most[k] = Math.max(most[k], Math.abs(x - now[k]))));
    }
  }
  for (const [slot, most] of moved) {
    const now = each(results[slot]);
    let left = 0;
    now.forEach((x, k) => {
      if (!isTiny(x, slot) || !(most[k] >= Math.abs(x) / 4)) return;
      left = Math.max(left, Math.abs(x));
      now[k] = 0;
    });
    if (left) lefts.set(slot, left);
    if (typeof results[slot] === "number") results[slot] = now[0];
  }
}

// An entry of the list of values, as it is now.
function current(i) {
  const entry = data.values[i];
  if (!changed || entry.slot === undefined) return entry;
  if (!fresh.has(i)) fresh.set(i, renewed(entry));
  return fresh.get(i);
}

const held = (entry) => {
  const value = results[entry.slot];
  const shape = entry.shape ? entry.shape.match(/\d+/g)?.map(Number) ?? [] : [];
  return { array: typeof value === "number" ? [value] : value, shape, dtype: entry.type };
};

function renewed(before) {
  const entry = { ...before, left: lefts.get(before.slot) }, { array, shape, dtype } = held(entry);
  if (!shape.length) {
    return { ...entry, s: number(plainOf(array[0], dtype)), x: exactly(array[0], dtype) };
  }
  const made = { ...entry, said: likeness(array, entry.shape, dtype) };
  delete made.s;
  if (array.length && array.length <= 6) made.s = nested(array, shape, dtype);
  if (entry.rows) {
    let at = 0;
    made.rows = entry.rows.map((row) => row.map(() => exactly(array[at++], dtype)));
  }
  return made;
}

function nested(array, shape, dtype) {
  if (!shape.length) {
    const x = array[0], eps = dtype === "float32" ? 2 ** -23 : 2 ** -52, [, , exact] = shorten(x, eps);
    return formula(numberTree(exact ? x : Number(general(up(x), 4)), eps));
  }
  const size = array.length / shape[0];
  const parts = Array.from({ length: shape[0] }, (_, i) =>
    nested(array.slice(i * size, (i + 1) * size), shape.slice(1), dtype));
  return `[${parts.join(", ")}]`;
}

function likeness(array, shape, dtype) {
  if (!array.length) return ["empty", { shape }];
  const finite = array.filter(Number.isFinite);
  if (finite.length < array.length) {
    return ["not_finite", { shape, n: String(array.length - finite.length) }];
  }
  const [low, high] = extremes(finite);
  if (low === high) return ["all_equal", { shape, value: number(low, 4) }];
  let mean = finite.reduce((a, b) => a + b, 0) / finite.length;
  if (Math.abs(mean) < restOfMean(dtype) * Math.max(-low, high)) mean = 0;
  const facts = { shape, low: number(low, 4), high: number(high, 4), mean: number(mean, 4) };
  const zeros = (100 * finite.filter((x) => x === 0).length) / finite.length;
  if (zeros) facts.share = general(Math.min(Math.max(zeros, 0.1), 99.9), 3);
  return ["digest", facts];
}

// Whether numbers give something that is none.
function oddNow(found) {
  const numbers = found.numbers.map((tree) => filled(tree)[3]), out = numbers.pop();
  if (!numbers.every(Number.isFinite)) return "";
  if (!Number.isFinite(out)) return Number.isNaN(out) ? "undefined" : "infinite";
  const [x, ...others] = numbers;
  return found.kinks && (others.length ? others : [0]).includes(x) ? "kink" : "";
}
const kinked = () => data.views[now.view].steps.some((step) => step.body.some(([kind, found]) =>
  kind === "odd" && found.numbers && oddNow(found) === "kink"));
const sound = () => (data.live.result === null || Number.isFinite(results[data.live.result]))
  && !kinked();

// What a derivative means, in a sentence.
function meaning(x, y, tree) {
  const [, , , slope, eps] = filled(tree);
  if (slope === 1) return ["means_same", { x, y }];
  const key = slope > 0 ? "means" : slope < 0 ? "means_less" : "means_zero";
  return [key, { x, y, d: { m: write(numberTree(Math.abs(slope), eps)) } }];
}

// The numbers of one input of a node: upstream × local = downstream.
function worked(card) {
  const trees = card.live.numbers.map(filled), [up, local, down] = trees;
  const [, signs] = kept([["*", up, local], down]);
  const made = { numbers: trees.map(write), sign: signs.at(-1) ?? "=", means: undefined };
  if (up[3] > 0 && local[3] > 0 && sound()) {
    made.means = meaning(card.x, card.live.y, down);
    if (!card.live.first && up[3] !== 1 && local[3] !== 1) {
      const text = (tree) => ({ m: write(tree) });
      made.means = ["card_means", { x: card.x, u: card.live.u, y: card.live.y,
        local: text(local), up: text(up), down: text(down) }];
    }
  }
  return { ...card, ...made };
}

// The derivative by a leaf: some never change.
function slopesOf(i) {
  const found = data.live.gradient[i];
  return typeof found === "number" ? each(results[found]) : found;
}

// A derivative put to the test: as nudge.py does it.
function nudged(i) {
  if (!data.live.nudges) return null;
  const slopes = slopesOf(i), { shape, dtype } = data.live.leaves[i];
  const sizes = [...slopes].map(Math.abs), most = Math.max(...sizes);
  const at_ = Math.max(sizes.findIndex((size) => size >= most * (1 - SAME)), 0), slope = slopes[at_];
  if (!Number.isFinite(slope) || !slope) return null;
  const start = each(inputs[i])[at_], before = total();
  const d = write(numberTree(slope, dtype === "float32" ? 2 ** -23 : 2 ** -52));
  const moved = (x) => (typeof inputs[i] === "number" ? x : inputs[i].with(at_, x));
  const short = (x) => write(numberTree(x, 2 ** -52));
  let found = null;
  for (let power = 0; power < 6 && !found; power++) {
    const dx = Number(`1e-${power}`);
    results = program(...inputs.with(i, moved(start + dx)));
    const after = total();
    const dy = after - before, off = Math.abs(dy - slope * dx) / Math.abs(slope * dx);
    if (off > 0.5e-3 || Number.isNaN(off)) continue;
    const places = Math.max(2 - taken(Math.abs(up(dy)).toExponential(20)).power, 0);
    const plain = (x) => minus(trimmed(fixed(x + Math.sign(x) * Number(`1e-${places + 3}`), places)));
    found = { from: short(start), to: short(start + dx), before: plain(before), after: plain(after),
      dy: short(Number(precise(up(dy), 3))), sign: off < 1e-12 ? "=" : "≈", d, dx: short(dx) };
    if (shape.length) found.place = `[${placeOf(at_, shape).join(", ")}]`;
  }
  compute();
  return found;
}

// The result, or the sum of several, each number times the derivative that it starts with.
const total = () => data.live.ends.reduce((sum, [slot, seed]) =>
  seed.reduce((all, d, k) => all + d * each(results[slot])[k], sum), 0);

// The place of an element, by its number.
function placeOf(k, shape) {
  const place = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place.unshift(k % shape[axis]);
    k = Math.floor(k / shape[axis]);
  }
  return place;
}

function leafNow(leaf) {
  const made = { ...leaf, means: undefined, check: undefined };
  const [, , , slope] = leaf.slope ? filled(leaf.slope) : [];
  if (Number.isFinite(slope) && sound()) made.means = meaning(leaf.x, leaf.y, leaf.slope);
  const i = data.live.names.indexOf(leaf.x.m);
  if (i >= 0 && data.live.gradient[i] !== null) made.check = nudged(i);
  return made;
}

// Labels, and what is said of each shape, in the picture that a view shows.
function relabelled(i) {
  const view = data.views[i];
  for (const group of views[i].querySelectorAll("g.g-label")) {
    const peek = view.peeks[group.dataset.peek];
    const entry = data.values[group.matches(".derivative") ? peek.derivative : peek.value];
    if (entry?.slot !== undefined) relabel(group, held(entry));
  }
  sayLabels(i);
  for (const group of views[i].querySelectorAll("g[data-id][aria-label]")) {
    const plainly = view.plain[group.dataset.id];
    const step = view.steps.find((s) => s.key === `f:${group.dataset.id}`);
    if (plainly) {
      const said = current(plainly[1]), value = said.s || said.shape || "";
      group.setAttribute("aria-label", plainly[0] ? `${plainly[0]} = ${value}` : value);
    } else if (step?.title[1].said?.e) {
      group.setAttribute("aria-label", `${step.title[1].node}: ${formula(step.title[1].said.e)}`);
    }
  }
}

// Show what has changed: labels, what is said of each shape, and the step. Views that are not in
// sight catch up when they come.
const behind = new Set();
const catchUp = (i) => { if (behind.delete(i)) relabelled(i); };
function renew() {
  compute();
  data.views.forEach((_, i) => behind.add(i));
  catchUp(now.view);
  for (const knob of knobs) knob.show();
  listSteps();
  go(now.step);
}

// The numbers that can be changed.

const knobs = [];

function change(i, place, x) {
  changed = true;
  if (place === null) inputs[i] = x;
  else inputs[i][place] = x;
  renew();
}

function knob(i, place, name) {
  const leaf = data.live.leaves[i];
  const box = make("input"), label = make("label", "knob", make("span", "m", name), box);
  box.type = "text";
  box.inputMode = "decimal";
  box.setAttribute("aria-label", name);
  const value = () => (place === null ? inputs[i] : inputs[i][place]);
  const show = () => { if (document.activeElement !== box) box.value = exactly(value(), leaf.dtype).replace(/\.0$/, ""); };
  box.addEventListener("input", () => {
    const x = Number(box.value.replace("−", "-").replace(",", "."));
    const good = box.value.trim() !== "" && Number.isFinite(x);
    box.setAttribute("aria-invalid", String(!good));
    if (good) change(i, place, x);
  });
  box.addEventListener("blur", () => { box.removeAttribute("aria-invalid"); show(); });
  const size = () => 10 ** Math.floor(Math.log10(Math.abs(value()) || 1)) / 10;
  const by = (n) => { const step = size(); change(i, place, Number((value() + n * step).toPrecision(12))); show(); };
  box.addEventListener("keydown", (event) => {
    const n = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!n) return;
    event.preventDefault();
    by(n);
    box.value = exactly(value(), leaf.dtype).replace(/\.0$/, "");
  });
  // Dragged by its name, to the right for more.
  const name_ = label.firstChild;
  let from = null;
  name_.addEventListener("pointerdown", (event) => {
    from = { x: event.clientX, value: value(), step: size() };
    name_.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  name_.addEventListener("pointermove", (event) => {
    if (!from) return;
    const steps = Math.round((event.clientX - from.x) / 6);
    change(i, place, Number((from.value + steps * from.step).toPrecision(12)));
  });
  for (const end of ["pointerup", "pointercancel"]) name_.addEventListener(end, () => (from = null));
  knobs.push({ show, box, i, place });
  show();
  return label;
}

// The numbers of an array, as a table that is made when it is opened.
function tableOf(i, name) {
  const { shape } = data.live.leaves[i], size = inputs[i].length, columns = shape.at(-1);
  const box = make("details", "array", make("summary", "", make("span", "m", name), ` ${shapeText(shape)}`));
  box.addEventListener("toggle", () => {
    if (!box.open || box.children.length > 1) return;
    if (size > 1000) {
      box.append(anyOf(i, name, shape));
      return;
    }
    const grid = make("div", "grid");
    grid.style.gridTemplateColumns = `repeat(${Math.min(columns, 28)}, max-content)`;
    for (let p = 0; p < size; p++) {
      grid.append(knob(i, p, `${name}[${placeOf(p, shape).join(", ")}]`));
    }
    box.append(make("div", "table", grid));
  });
  return box;
}

// Of a large array one number, at the place that is asked for.
function anyOf(i, name, shape) {
  const place = make("input"), label = make("label", "knob", make("span", "", words().place), place), one = make("span");
  label.firstChild.dataset.word = "place";
  place.setAttribute("aria-label", `${name}[]`);
  place.value = shape.map(() => 0).join(", ");
  const show = () => {
    const index = place.value.split(/[,\s]+/).filter(Boolean).map(Number);
    const good = index.length === shape.length && index.every((k, d) => Number.isInteger(k) && k >= 0 && k < shape[d]);
    place.setAttribute("aria-invalid", String(!good));
    if (!good) return;
    const before = knobs.findIndex((knob) => knob.i === i);
    if (before >= 0) knobs.splice(before, 1);
    one.replaceChildren(knob(i, index.reduce((p, k, d) => p * shape[d] + k, 0), `${name}[${index.join(", ")}]`));
  };
  place.addEventListener("input", show);
  show();
  return make("div", "row knobs", label, one);
}

function downhill(rate) {
  const { learned, result } = data.live, some = learned.some(Boolean);
  if (!changed) { changed = true; compute(); }
  const before = results[result], slopes = inputs.map((_, i) => slopesOf(i)?.slice());
  inputs = inputs.map((x, i) => {
    const d = slopes[i];
    if (!d || (some && !learned[i])) return x;
    return typeof x === "number" ? x - rate * d[0] : x.map((v, p) => v - rate * d[p]);
  });
  renew();
  return [before, results[result]];
}

// Predict, then reveal.

const answered = new Set();
const asking = () => {
  const step = data.views[now.view].steps[now.step];
  return now.quiz && step.phase === "backward" && !answered.has(`${now.view} ${step.key}`)
    && step.body.some((block) => block[0] === "multiply");
};

function reveal() {
  const step = data.views[now.view].steps[now.step];
  answered.add(`${now.view} ${step.key}`);
  go(now.step);
}

function question(numbers) {
  const box = make("input", "guess"), told = make("span", "remark");
  const wanted = Number(numbers[2].replaceAll("−", "-").replace(/×10(.+)/, (_, p) =>
    `e${[...p].map((c) => (c === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c))).join("")}`));
  box.inputMode = "decimal";
  box.setAttribute("aria-label", words().predict);
  box.placeholder = "?";
  box.addEventListener("change", () => {
    const x = Number(box.value.replaceAll("−", "-").replace(",", "."));
    const right = box.value.trim() !== "" && Math.abs(x - wanted) <= 0.005 * Math.abs(wanted) + 1e-9;
    box.dataset.right = String(right);
    told.textContent = right ? words().predict_right
      : plain("predict_wrong", { up: numbers[0], local: numbers[1] });
    const boxes = [...said.querySelectorAll("input.guess")];
    if (boxes.every((one) => one.dataset.right === "true")) setTimeout(reveal, calm.matches ? 0 : 700);
    else if (right) boxes.find((one) => one.dataset.right !== "true")?.focus();
  });
  return [box, told];
}

function live() {
  const place = at("live");
  if (data.live.why) {
    place.append(make("p", "remark", sentence("cannot_change", { why: data.live.why })));
    place.hidden = false;
  }
  if (!program) return;
  const numbers = make("div", "row knobs"), arrays = make("div", "arrays");
  data.live.leaves.forEach((leaf, i) => {
    const name = data.live.names[i] || `x${i}`;
    if (!leaf.kind) numbers.append(knob(i, null, name));
    else if (leaf.kind.startsWith("Float")) arrays.append(tableOf(i, name));
  });
  const button = (word, act) => {
    const made = make("button", "");
    made.type = "button";
    made.dataset.word = word;
    made.addEventListener("click", act);
    return made;
  };
  const tools = make("div", "row small");
  if (data.live.result !== null && data.live.gradient.some((d) => d !== null)) {
    const rate = make("input"), told = make("output", "count");
    rate.value = data.live.learned.some(Boolean) ? "0.1" : "0.01";
    rate.inputMode = "decimal";
    const label = make("label", "knob", make("span"), rate);
    label.firstChild.dataset.word = "rate";
    tools.append(button("downhill", () => {
      const step = Number(rate.value.replace(",", "."));
      if (!Number.isFinite(step)) return;
      const [before, after] = downhill(step);
      told.replaceChildren(piece(data.result), `: ${number(before)} → ${number(after)}`);
    }), label, told);
  }
  tools.append(button("start_over", () => {
    inputs = first.map(copyOf);
    changed = true;
    renew();
  }));
  const quiz = make("input"), label = make("label", "", quiz, make("span"));
  quiz.type = "checkbox";
  label.lastChild.dataset.word = "ask_first";
  quiz.addEventListener("change", () => { now.quiz = quiz.checked; answered.clear(); go(now.step); });
  tools.append(label);
  const heading = make("p", "hint");
  heading.dataset.word = "change_numbers";
  place.append(heading, numbers, arrays, tools);
  place.hidden = false;
}
