// Steps through pictures that were laid out elsewhere: shows and hides.

function tell(step) {
  const view = data.views[now.view];
  const [key, params] = step.title, asked = asking();
  const title = make("span", "", asked ? sentence("predict_title", params) : sentence(key, params));
  const told = [make("h2", "", badge(step), title)];
  for (const block of step.body) told.push(blocks[block[0]](block, isBack(step)));
  const more = make("div", "more");
  if (asked) {
    const show = make("button", "", words().predict_show);
    show.type = "button";
    show.addEventListener("click", reveal);
    more.append(show);
  }
  for (const [word, where] of [["open", openable(view, step)], ["close", closable(view, step)]]) {
    if (!where) continue;
    const button = make("button", "", plain(word, { node: where[1] }));
    button.type = "button";
    button.addEventListener("click", () => look(where[0]));
    more.append(button);
  }
  if (more.children.length) told.push(more);
  said.replaceChildren(...told.filter(Boolean));
}

const nodeOf = (step) => step.key.replace(/^[fbs]:/, "");
const openable = (view, step) => view.opens[nodeOf(step)];
function closable(view, step) {
  for (let id = nodeOf(step); id.includes("/"); ) {
    id = id.slice(0, id.lastIndexOf("/"));
    if (view.closes[id]) return view.closes[id];
  }
  return null;
}

// Steps.

function partsOf(view) {
  if (!parts[view]) {
    const groups = [...views[view].querySelectorAll("g[data-id]")];
    parts[view] = {
      timed: groups.filter((g) => g.dataset.at).map((g) => [g, Number(g.dataset.at)]),
      byId: new Map(groups.map((g) => [g.dataset.id, g])),
      lit: [],
    };
  }
  return parts[view];
}

function go(step) {
  const view = data.views[now.view], last = view.steps.length - 1;
  now.step = Math.max(0, Math.min(last, step));
  const here = view.steps[now.step], { timed, byId } = partsOf(now.view);
  for (const [group, from] of timed) group.classList.toggle("later", from > now.step);
  for (const group of parts[now.view].lit) group.classList.remove("lit", "asked");
  parts[now.view].lit = here.lit.map((id) => byId.get(id)).filter(Boolean);
  for (const group of parts[now.view].lit) group.classList.add("lit");
  for (const group of parts[now.view].lit) group.classList.toggle("asked", asking());
  root.classList.toggle("backward", isBack(here));
  tell(here);
  slider.value = now.step;
  slider.setAttribute("aria-valuetext", `${words()[`phase_${here.phase}`]}: ${plain(...here.title)}`);
  at("count").textContent = plain("step_of", { i: String(now.step), n: String(last) });
  for (const id of ["back", "first"]) at(id).disabled = now.step === 0;
  for (const id of ["next", "last"]) at(id).disabled = now.step === last;
  const entries = at("steps").children;
  for (const entry of entries) entry.firstChild.removeAttribute("aria-current");
  entries[now.step]?.firstChild.setAttribute("aria-current", "step");
  hidePeek();
  follow(parts[now.view].lit);
  if (now.step === last) stop();
}

// Keep what happens in sight, where the picture is larger than its window.
function follow(lit) {
  const node = lit.find((g) => g.matches(".g-operation, .g-layer, .g-fold, .g-fork")) ?? lit[0];
  if (!node) {
    if (now.step === 0) stage.scrollTo(0, 0);
    return;
  }
  const box = node.getBoundingClientRect(), frame = stage.getBoundingClientRect();
  const shift = (low, high, from, to, room) => {
    const edge = Math.min(110, room / 4);
    if (low < from + edge) return low - from - edge;
    return high > to - edge ? high - to + edge : 0;
  };
  const left = shift(box.left, box.right, frame.left, frame.right, frame.width);
  const top = shift(box.top, box.bottom, frame.top, frame.bottom, frame.height);
  stage.scrollBy({ left, top, behavior: calm.matches || now.timer ? "auto" : "smooth" });
}

const stop = () => {
  clearInterval(now.timer);
  now.timer = 0;
  showPlay();
};

function play() {
  if (now.timer) return stop();
  if (now.step === data.views[now.view].steps.length - 1) go(0);
  now.timer = setInterval(() => go(now.step + 1), 1600);
  showPlay();
}

function showPlay() {
  const button = at("play");
  button.firstElementChild.textContent = now.timer ? "❚❚" : "▶";
  button.lastElementChild.textContent = words()[now.timer ? "pause" : "play"];
}

// Depth.

// The same step at another depth: of the node itself, of one inside it, or of the one around it.
function sameStep(steps, key) {
  const found = steps.findIndex((s) => s.key === key);
  if (found >= 0) return found;
  const inside = steps.findIndex((s) => s.key.startsWith(`${key}/`));
  if (inside >= 0) return inside;
  const cut = key.lastIndexOf("/");
  return cut > 0 ? sameStep(steps, key.slice(0, cut)) : -1;
}

function look(view) {
  const before = data.views[now.view].steps, key = before[now.step].key;
  now.view = view;
  catchUp(view);
  views.forEach((one, i) => (one.hidden = i !== view));
  const steps = data.views[view].steps;
  slider.max = steps.length - 1;
  at("depth").value = view;
  listSteps();
  zoom();
  let step = sameStep(steps, key);
  if (step < 0) step = Math.round((now.step / (before.length - 1)) * (steps.length - 1));
  go(step);
}

function listSteps() {
  at("steps").replaceChildren(...data.views[now.view].steps.map((step, i) => {
    const button = make("button", "", make("span", "no", String(i)), badge(step), " ");
    sentence(...step.title, button);
    button.type = "button";
    button.addEventListener("click", () => go(i));
    return make("li", "", button);
  }));
}

// Size: 0 is as large as fits, but so that all can be read; fitting is the whole picture.

const READABLE = 11;
const pictures = views.map((view) => {
  const narrow = view.querySelector("template")?.content.firstElementChild;
  return [view.querySelector("svg"), ...(narrow ? [document.importNode(narrow, true)] : [])];
});
const least = (svg) => READABLE / Math.min(16, ...[...svg.querySelectorAll("text")]
  .map((text) => Number(text.getAttribute("font-size")) || 16));

// The picture for this window: the wide one, unless it could not be read without scrolling.
function pick(view, room = at("main").clientWidth) {
  const [wide, narrow] = pictures[view];
  const fits = !narrow || wide.viewBox.baseVal.width * least(wide) <= room;
  const wanted = fits ? wide : narrow, shown = views[view].querySelector("svg");
  if (shown !== wanted) {
    shown.replaceWith(wanted);
    parts[view] = null;
    nameSigns(view);
    sayLabels(view);
    if (changed) relabelled(view);
    if (view === now.view) go(now.step);
  }
  return wanted;
}

function zoom(factor) {
  const svg = pick(now.view), { width, height } = svg.viewBox.baseVal;
  // Side by side where there is room for both, the words below where the picture is wide.
  const room = at("main").clientWidth;
  at("main").classList.toggle("wide", room >= 820 && width * least(svg) <= room * 0.55);
  // As large as the window has room for; a high picture no larger than it must be to be read.
  const high = (0.62 * innerHeight) / height, least_ = least(svg);
  const fitting = (room) => Math.max(least_, Math.min(1.4, (room - 2) / width, Math.max(high, 1)));
  if (factor) now.zoom = Math.min(4, Math.max(least_, (now.zoom || fitting(at("frame").clientWidth)) * factor));
  const beside = mapped(svg, now.zoom || fitting(at("frame").clientWidth));
  const scale = now.zoom || fitting(at("frame").clientWidth - beside);
  svg.style.width = `${width * scale}px`;
  svg.style.height = `${height * scale}px`;
  markHere();
}

// All of it in sight, as far as it can then be read; what is beyond, the map shows.
function fit() {
  const svg = pick(now.view), { width, height } = svg.viewBox.baseVal;
  const across = (at("frame").clientWidth - 2) / width;
  now.zoom = Math.max(least(svg), Math.min(1.4, across, tallest() / height));
  zoom();
}

// Hands.

function press(target) {
  const sign = target.closest?.(".sign");
  if (sign) return look(Number(sign.dataset.view));
  const node = target.closest?.("g[data-id]");
  if (!node) return;
  const steps = data.views[now.view].steps, view = data.views[now.view];
  const kinds = now.step >= view.turn ? ["b", "f"] : ["f"];
  for (const kind of kinds) {
    const step = steps.findIndex((s) => s.key === `${kind}:${node.dataset.id}`);
    if (step >= 0) return go(step);
  }
}

stage.addEventListener("click", (event) => press(event.target));

const keys = {
  ArrowRight: () => go(now.step + 1),
  ArrowLeft: () => go(now.step - 1),
  Home: () => go(0),
  End: () => go(data.views[now.view].steps.length - 1),
  " ": play,
  "+": () => zoom(1.25),
  "-": () => zoom(0.8),
  "0": fit,
  Escape: hidePeek,
  o: () => {
    const focused = document.activeElement?.dataset?.id;
    const view = data.views[now.view];
    const where = view.opens[focused] ?? openable(view, view.steps[now.step]);
    if (where) look(where[0]);
  },
  c: () => {
    const view = data.views[now.view];
    const where = closable(view, view.steps[now.step]) ?? Object.values(view.closes)[0];
    if (where) look(where[0]);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target.closest?.("select, input")) return;
  if (target.closest?.("button") && event.key === " ") return;
  if (event.key === "Enter" && target.closest?.("#stage g")) return press(target);
  if (keys[event.key]) {
    event.preventDefault();
    if (event.key !== " " && now.timer) stop();
    keys[event.key]();
  }
});

const click = (id, act) => at(id).addEventListener("click", act);
const byHand = (act) => () => { stop(); act(); };
click("back", byHand(keys.ArrowLeft));
click("next", byHand(keys.ArrowRight));
click("first", byHand(keys.Home));
click("last", byHand(keys.End));
click("play", play);
click("larger", keys["+"]);
click("smaller", keys["-"]);
click("fit", keys["0"]);
slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
at("depth").addEventListener("change", (event) => look(Number(event.target.value)));
at("language").addEventListener("change", (event) => {
  now.language = event.target.value;
  speak();
});
click("show", () => {
  const steps = at("steps");
  steps.hidden = !steps.hidden;
  at("show").setAttribute("aria-expanded", String(!steps.hidden));
});

function nameSigns(i) {
  for (const sign of views[i].querySelectorAll(".sign")) {
    const of = data.views[i][sign.dataset.sign === "open" ? "opens" : "closes"][sign.dataset.of];
    sign.setAttribute("aria-label", plain(sign.dataset.sign, { node: of[1] }));
  }
}

// Everything that has words, in the language chosen.
function speak() {
  root.lang = { zh: "zh-Hans" }[now.language] ?? now.language;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = words()[element.dataset.word];
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words()[element.dataset.label]);
    if (element.matches("button")) element.title = words()[element.dataset.label];
  }
  const legend = [make("span", "", words().legend_value)];
  if (data.result.m) {
    const back = make("span", "back-text");
    legend.push(sentence("legend_derivative", { y: data.result }, back));
  }
  at("legend").replaceChildren(...legend);
  at("title").replaceChildren(sentence("title", { y: data.results, xs: data.leaves }));
  data.views.forEach((view, i) => {
    at("depth").options[i].textContent = plain(...view.label);
    nameSigns(i);
    sayLabels(i);
  });
  showPlay();
  listSteps();
  go(now.step);
}

// On paper stands what was found, and every step.
let before = 0;
addEventListener("beforeprint", () => {
  before = now.step;
  go(data.views[now.view].steps.length - 1);
  at("frame").after(sheets(pick(now.view, SHEET[0])));
});
addEventListener("afterprint", () => {
  document.querySelector(".paper")?.remove();
  zoom();
  go(before);
});
let width = 0;
new ResizeObserver(() => {
  if (stage.clientWidth !== width && !now.zoom) zoom();
  width = stage.clientWidth;
}).observe(stage);

for (const [i] of data.views.entries()) at("depth").append(make("option", "", ""));
[...at("depth").options].forEach((option, i) => (option.value = i));
at("depth").closest("label").hidden = data.views.length < 2;
for (const [code, name] of Object.entries(data.languages)) {
  const option = make("option", "", name);
  option.value = code;
  at("language").append(option);
}
at("language").value = now.language;
root.classList.add("js");
for (const id of ["controls", "tools", "keys", "all"]) at(id).hidden = false;
at("steps").hidden = true;
views.forEach((one, i) => (one.hidden = i !== now.view));
slider.max = data.views[now.view].steps.length - 1;
at("depth").value = now.view;
live();
speak();
zoom();
