// Steps through a convolution; every number is computed here, from the image, filter and dout.

const at = (id) => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
const { x, W, dout, stride, pad } = data;
const now = { step: 0, language: data.language, timer: 0 };
const words = () => data.words[now.language];
const say = (key, params = {}) => words()[key].replace(/\{(\w+)\}/g, (_, name) => String(params[name]));
const make = (tag, kind, ...inside) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(...inside);
  return made;
};
const calm = (n) => (n < 0 ? `(${number(n)})` : number(n));

const FH = W.length, FW = W[0].length, OH = dout.length, OW = dout[0].length, places = OH * OW;
const H = x.length + 2 * pad[0], Wide = x[0].length + 2 * pad[1];
const end = 2 * places + 1;
const inside = (i, j) => i >= pad[0] && j >= pad[1] && i < H - pad[0] && j < Wide - pad[1];
const pixel = (i, j) => (inside(i, j) ? x[i - pad[0]][j - pad[1]] : 0);
const corner = (k) => [Math.floor(k / OW) * stride[0], (k % OW) * stride[1]];
const each = (f) => Array.from({ length: FH * FW }, (_, n) => f(Math.floor(n / FW), n % FW));
const zeros = (h, w) => Array.from({ length: h }, () => new Array(w).fill(0));

// The result at place k, and its products.
function forward(k) {
  const [top, left] = corner(k);
  const terms = each((i, j) => [pixel(top + i, left + j), W[i][j]]);
  return { terms, sum: terms.reduce((sum, [a, w]) => sum + a * w, 0) + data.b };
}

// What has come back after the first n places.
function backward(n) {
  const dx = zeros(H, Wide), dW = zeros(FH, FW);
  let db = 0;
  for (let k = 0; k < n; k++) {
    const [top, left] = corner(k), d = dout[Math.floor(k / OW)][k % OW];
    each((i, j) => {
      dx[top + i][left + j] += d * W[i][j];
      dW[i][j] += d * pixel(top + i, left + j);
    });
    db += d;
  }
  return { dx, dW, db };
}

// A board: a grid of numbers, of which some are marked.
function board(word, h, w, text, kinds, change, back) {
  const body = make("tbody", "");
  for (let i = 0; i < h; i++) {
    const row = make("tr", "");
    for (let j = 0; j < w; j++) {
      const cell = make("td", kinds(i, j)), set = change?.(i, j);
      if (set) {
        const box = make("input", "");
        box.value = text(i, j);
        box.inputMode = "decimal";
        box.setAttribute("aria-label", `${say(word)} ${i}, ${j}`);
        box.addEventListener("change", () => {
          const value = Number(box.value.replace("−", "-").replace(",", "."));
          if (box.value.trim() === "" || !Number.isFinite(value)) return box.setAttribute("aria-invalid", "true");
          set(value);
          show();
        });
        cell.append(box);
      } else cell.append(text(i, j));
      row.append(cell);
    }
    body.append(row);
  }
  return make("div", back ? "board back" : "board", make("table", "", make("caption", "", say(word)), body));
}

function show() {
  const { step } = now, isBack = step > places, k = isBack ? step - places - 1 : step - 1;
  const active = (step > 0 && step <= places) || (step > places && step < end);
  const done = isBack ? Math.min(k + 1, places) : 0, [top, left] = active ? corner(k) : [-99, -99];
  const covered = (i, j) => i >= top && i < top + FH && j >= left && j < left + FW;
  const here = (i, j) => active && i * OW + j === k;
  const boards = [
    board("image", H, Wide, (i, j) => number(pixel(i, j)),
      (i, j) => `${inside(i, j) ? "" : "pad"} ${covered(i, j) ? "window" : ""}`,
      (i, j) => inside(i, j) && ((v) => (x[i - pad[0]][j - pad[1]] = v))),
    board("filter", FH, FW, (i, j) => number(W[i][j]), () => (active ? "window" : ""),
      (i, j) => (v) => (W[i][j] = v)),
    board("result", OH, OW, (i, j) => number(forward(i * OW + j).sum),
      (i, j) => `${here(i, j) && !isBack ? "now" : ""} ${!isBack && i * OW + j >= step ? "later" : ""}`),
  ];
  const found = backward(Math.min(done, places));
  if (isBack) {
    boards.push(
      board("upstream", OH, OW, (i, j) => number(dout[i][j]), (i, j) => (here(i, j) ? "now" : ""),
        (i, j) => (v) => (dout[i][j] = v), true),
      board("to_image", H, Wide, (i, j) => number(found.dx[i][j]),
        (i, j) => `${inside(i, j) ? "" : "pad"} ${covered(i, j) ? "window" : ""}`, null, true),
      board("to_filter", FH, FW, (i, j) => number(found.dW[i][j]), () => (active ? "window" : ""), null, true),
    );
  }
  const focus = document.activeElement?.getAttribute("aria-label");
  at("boards").replaceChildren(...boards);
  if (focus) document.querySelector(`td input[aria-label="${CSS.escape(focus)}"]`)?.focus();
  at("said").replaceChildren(...told(step, k, isBack, active, found));
  at("slider").value = step;
  at("count").textContent = say("step_of", { i: step, n: end });
  for (const id of ["back", "first"]) at(id).disabled = step === 0;
  for (const id of ["next", "last"]) at(id).disabled = step === end;
  at("play").textContent = now.timer ? `❚❚ ${say("pause")}` : `▶ ${say("play")}`;
}

function told(step, k, isBack, active, found) {
  const badge = make("span", isBack ? "badge back" : "badge", say(isBack ? "backward" : "forward"));
  const padding = pad[0] || pad[1] ? [make("p", "faint", say("padding"))] : [];
  if (step === 0) return [make("h2", "", badge), make("p", "", say("start", { b: number(data.b) })), ...padding];
  if (step === end) {
    return [make("h2", "", badge), make("p", "", say("end")),
      make("p", "formula back-text", `db = ${number(found.db)}`)];
  }
  const i = Math.floor(k / OW), j = k % OW, where = `${i}, ${j}`;
  if (!isBack) {
    const { terms, sum } = forward(k);
    const products = terms.map(([a, w]) => `${calm(a)}·${calm(w)}`).join(" + ");
    const row = board("row", 1, terms.length, (_, n) => number(terms[n][0]), () => "window");
    row.querySelector("caption").textContent = say("row", { i: k });
    return [make("h2", "", badge, `out[${where}]`),
      make("p", "formula", `out[${where}] = ${products} + ${calm(data.b)} = ${number(sum)}`), row];
  }
  const d = dout[i][j], lines = [make("h2", "", badge, `dout[${where}] = ${number(d)}`)];
  if (k === 0) lines.push(make("p", "", say("turn")));
  const [top, left] = corner(k);
  const listed = (f) => each(f).join(", ");
  lines.push(
    make("p", "formula back-text", `dx += ${calm(d)} · W: ${listed((a, c) => number(d * W[a][c]))}`),
    make("p", "formula back-text", `dW += ${calm(d)} · x: ${listed((a, c) => number(d * pixel(top + a, left + c)))}`),
    make("p", "", say("adds", { db: number(found.db) })),
    ...(k === 0 ? padding : []),
  );
  return lines;
}

const go = (step) => {
  now.step = Math.max(0, Math.min(end, step));
  if (now.step === end) stop();
  show();
};
const stop = () => {
  clearInterval(now.timer);
  now.timer = 0;
};
const play = () => {
  if (now.timer) stop();
  else {
    if (now.step === end) now.step = 0;
    now.timer = setInterval(() => go(now.step + 1), 1200);
  }
  show();
};
const keys = { ArrowRight: () => go(now.step + 1), ArrowLeft: () => go(now.step - 1), Home: () => go(0), End: () => go(end), " ": play };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select")) return;
  if (event.key === " " && event.target.closest("button")) return;
  if (!keys[event.key]) return;
  event.preventDefault();
  if (event.key !== " ") stop();
  keys[event.key]();
});
const click = (id, act) => at(id).addEventListener("click", act);
for (const [id, key] of [["next", "ArrowRight"], ["back", "ArrowLeft"], ["first", "Home"], ["last", "End"]]) {
  click(id, () => { stop(); keys[key](); });
}
click("play", play);
at("slider").addEventListener("input", () => { stop(); go(Number(at("slider").value)); });
at("language").addEventListener("change", (event) => { now.language = event.target.value; speak(); });

function speak() {
  document.documentElement.lang = { zh: "zh-Hans" }[now.language] ?? now.language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = say(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", say(one.dataset.label));
  show();
}

for (const [code, name] of Object.entries(data.languages)) {
  const option = make("option", "", name);
  option.value = code;
  at("language").append(option);
}
at("language").value = now.language;
at("slider").max = end;
speak();
