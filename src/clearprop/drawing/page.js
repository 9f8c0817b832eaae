"use strict";
// Steps through pictures that were laid out elsewhere: shows, hides and tells, and computes nothing.
// Whatever comes from a graph is put in as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const root = document.documentElement;
  const stage = at("stage"), said = at("said"), slider = at("slider"), peek = at("peek");
  const views = [...stage.querySelectorAll("[data-view-no]")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const now = { view: data.start, step: 0, language: data.language, zoom: 0, timer: 0 };
  const parts = views.map(() => null);

  // Text.

  const words = () => data.words[now.language];
  const spoken = (text) => (typeof text === "object" ? text[now.language] ?? text.en : text);

  function make(tag, kind, ...inside) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...inside.filter((x) => x !== null && x !== undefined));
    return made;
  }

  // A formula is {m: text}; several are listed.
  function piece(value) {
    if (Array.isArray(value)) {
      const list = document.createDocumentFragment();
      value.forEach((one, i) => list.append(i ? words().comma : "", piece(one)));
      return list;
    }
    if (value && typeof value === "object") return make("span", "m", spoken(value.m));
    return document.createTextNode(value);
  }

  // A sentence: its words, and what is filled into its braces.
  function sentence(key, params = {}, into = document.createDocumentFragment()) {
    words()[key].split(/\{(\w+)\}/).forEach((text, i) => {
      if (i % 2 === 0) into.append(text);
      else if (text === "node") into.append(make("span", "node", params.node));
      else into.append(piece(params[text]));
    });
    return into;
  }

  const plain = (key, params) => {
    const box = make("span");
    sentence(key, params, box);
    return box.textContent.replace(/\s+/g, " ").trim();
  };

  // Values.

  function digest(value) {
    if (value.s !== undefined) return document.createTextNode(value.s);
    const [key, params] = value.said;
    const text = sentence(key, params);
    if (params.share) sentence("zeros", params, text);
    return text;
  }

  // Shorter for the eye; the whole number stands in the title.
  function short(text) {
    const x = Number(text);
    if (text.length < 9 || !Number.isFinite(x)) return text.replace("-", "−").replace(/\.0$/, "");
    const [digits, power] = x.toPrecision(6).split("e");
    const kept = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
    return (power ? `${kept}e${Number(power)}` : kept).replaceAll("-", "−");
  }

  function table(value) {
    const body = make("tbody");
    value.rows.forEach((row, i) => {
      const line = make("tr", "", value.heads ? make("th", "", value.heads[i]) : null);
      for (const text of row) {
        const cell = make("td", "", short(text));
        cell.title = text;
        line.append(cell);
      }
      body.append(line);
    });
    return make("div", "table", make("table", "cells", body));
  }

  function whole(value) {
    if (value.x !== undefined) return make("div", "", value.x.replace("-", "−"));
    if (value.shape === undefined) return make("div", "", value.s);
    const box = make("div", "");
    const [key, params] = value.said;
    sentence(key, params, box);
    if (params.share) sentence("zeros", params, box);
    box.append(`, ${value.dtype}`);
    if (value.rows) box.append(table(value));
    return box;
  }

  // What is said in a step.

  const numbered = (i) => data.values[i];

  const blocks = {
    p: ([, key, params]) => make("p", "", sentence(key, params)),
    f: ([, formula]) => make("p", "formula", piece(formula)),
    value: ([, x, value]) => make("p", "", piece(x), ": ", digest(numbered(value))),
    given: ([, list], back) => {
      const items = list.map(([x, value]) => {
        const item = make("li", back ? "back-text" : "", piece(x));
        if (value !== null) item.append({ "": "", "+": " " }[x] ?? ": ", digest(numbered(value)));
        return item;
      });
      return make("ul", "given", ...items);
    },
    remark: ([, name]) => {
      const text = data.remarks[name]?.[now.language] ?? data.remarks[name]?.en;
      if (!text) return null;
      const said = text.split("`").map((t, i) => (i % 2 ? make("code", "", t) : t));
      return make("p", "remark", ...said);
    },
    multiply: ([, card]) => {
      const grid = make("div", "sum");
      grid.ariaHidden = "true";
      const cell = (kind, inside, colour) =>
        grid.append(make("span", `${kind} ${colour ?? ""}`, inside ?? ""));
      const row = (kind, cells, colours = []) => cells.forEach((c, i) => cell(kind, c, colours[i]));
      const orange = ["back-text", "", "", "", "back-text"];
      const w = words();
      row("head", [w.head_upstream, "", w.head_local, "", w.head_downstream]);
      const total = card.part ? null : piece(card.total);
      row("", [piece(card.symbols[0]), "×", piece(card.symbols[1]), "=", total], orange);
      if (card.local) {
        const own = make("span", "", "= ", piece(card.local));
        row("own", [null, null, own, null, null]);
      }
      const [up, local, down] = card.numbers;
      row("big", [up, "×", local, card.sign, down], orange);
      const heard = make("p", "sr", piece(card.heard));
      const means = card.means ? make("p", "remark", sentence(...card.means)) : null;
      return make("div", "card", heading(card), heard, grid, means);
    },
    send: ([, card]) => {
      const box = make("div", "card", heading(card));
      if (card.rule) box.append(make("p", "formula", piece(card.rule)));
      if (card.prose) box.append(make("p", "", sentence("in_words", {
        prose: spoken(card.prose), upstream: card.upstream ?? "dout",
      })));
      box.append(make("p", "back-text", `${words().downstream}: `, digest(numbered(card.value))));
      if (card.shapes) box.append(make("p", "remark", sentence("shapes", card.shapes)));
      if (card.stretched) {
        const [small, big] = card.stretched;
        box.append(make("p", "remark", sentence("stretched", { x: card.x, small, big })));
      }
      return box;
    },
    leaf: ([, leaf]) => {
      const box = make("div", "leaf");
      const d = make("p", "formula back-text", piece(leaf.d));
      if (leaf.derivative !== null) d.append(": ", digest(numbered(leaf.derivative)));
      box.append(d);
      if (leaf.means) box.append(make("p", "", sentence(...leaf.means)));
      if (leaf.chain.length) {
        const rows = leaf.chain.map((row) => make("div", "", piece(row)));
        box.append(make("div", "chain", make("span", "remark", words().chain), ...rows));
      }
      if (leaf.check) {
        const params = { ...leaf.check, x: leaf.x, y: leaf.y };
        box.append(make("p", "remark", sentence("check", params)));
      }
      return box;
    },
  };

  const heading = (card) =>
    make("h3", "", sentence(card.part ? "to_part" : "to", { x: card.x, total: card.total }));

  const isBack = (step) => ["seed", "backward", "sum"].includes(step.phase);

  function badge(step) {
    return make("span", `badge ${isBack(step) ? "back" : ""}`, words()[`phase_${step.phase}`]);
  }

  function tell(step) {
    const view = data.views[now.view];
    const title = make("span", "", sentence(...step.title));
    const told = [make("h2", "", badge(step), title)];
    for (const block of step.body) told.push(blocks[block[0]](block, isBack(step)));
    const more = make("div", "more");
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
    for (const group of parts[now.view].lit) group.classList.remove("lit");
    parts[now.view].lit = here.lit.map((id) => byId.get(id)).filter(Boolean);
    for (const group of parts[now.view].lit) group.classList.add("lit");
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

  // Size: 0 is as large as fits, unless that is too small to be read.

  function zoom(factor) {
    const svg = views[now.view].querySelector("svg");
    const { width, height } = svg.viewBox.baseVal;
    const fits = Math.min(1.4, Math.max(0.65, (stage.clientWidth - 2) / width));
    if (factor) now.zoom = Math.min(4, Math.max(0.1, (now.zoom || fits) * factor));
    const scale = now.zoom || fits;
    svg.style.width = `${width * scale}px`;
    svg.style.height = `${height * scale}px`;
    at("main").classList.toggle("wide", width / height < 3.2);
  }

  // Whole values.

  let peeked = null;

  function showPeek(group, x, y) {
    const entry = data.views[now.view].peeks[group.dataset.peek];
    const list = make("dl");
    const w = words();
    const add = (name, content) => list.append(make("dt", "", name), make("dd", "", content));
    add(w.value, entry.at > now.step ? w.not_yet : whole(numbered(entry.value)));
    const shown = entry.at <= now.step;
    if (entry.derivative !== undefined) {
      const name = make("span", "back-text", entry.d ? piece(entry.d) : w.derivative);
      if (entry.share) name.append(", ", w.share);
      add(name, entry.back > now.step ? w.not_yet : whole(numbered(entry.derivative)));
    }
    const image = group.querySelector("image");
    const told = [make("h3", "", entry.x ? piece(entry.x) : ""), list];
    if (image && shown && !group.matches(".later")) {
      const large = make("img");
      large.src = image.getAttribute("href");
      large.alt = "";
      told.push(large);
    }
    peek.replaceChildren(...told);
    peek.hidden = false;
    peeked = group;
    place(x, y);
  }

  function place(x, y) {
    const box = peek.getBoundingClientRect();
    const left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 8));
    const below = y + 18 + box.height < innerHeight;
    peek.style.left = `${left}px`;
    peek.style.top = `${below ? y + 18 : Math.max(4, y - box.height - 14)}px`;
  }

  function hidePeek() {
    peek.hidden = true;
  }

  function placeBeside(group) {
    const box = group.getBoundingClientRect();
    place(box.left, box.bottom - 12);
  }

  const pointed = (event) => {
    const group = event.target.closest?.("g[data-peek]");
    return group && !group.matches(".later") ? group : null;
  };

  stage.addEventListener("pointerover", (event) => {
    const group = pointed(event);
    if (group) showPeek(group, event.clientX, event.clientY);
  });
  stage.addEventListener("pointerout", (event) => {
    if (event.pointerType === "mouse" && !peek.contains(event.relatedTarget)) hidePeek();
  });
  peek.addEventListener("pointerleave", hidePeek);
  stage.addEventListener("focusin", (event) => {
    const group = pointed(event);
    if (!group || !group.matches(":focus-visible")) return;
    showPeek(group, 0, 0);
    placeBeside(group);
  });
  stage.addEventListener("focusout", hidePeek);
  // The focus brings what it is on into sight.
  for (const scrolled of [stage, window]) {
    scrolled.addEventListener("scroll", () => peek.hidden || placeBeside(peeked));
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
    "0": () => { now.zoom = 0; zoom(); },
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
      for (const sign of views[i].querySelectorAll(".sign")) {
        const of = view[sign.dataset.sign === "open" ? "opens" : "closes"][sign.dataset.of];
        sign.setAttribute("aria-label", plain(sign.dataset.sign, { node: of[1] }));
      }
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
  });
  addEventListener("afterprint", () => go(before));
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
  speak();
  zoom();
})();
