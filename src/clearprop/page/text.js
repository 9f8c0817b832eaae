// What the page says: sentences in the language chosen, formulas, values as tables.
// Whatever comes from a graph is put in as text.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const root = document.documentElement;
const stage = at("stage"), said = at("said"), slider = at("slider"), peek = at("peek");
const views = [...stage.querySelectorAll("[data-view-no]")];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const now = { view: data.start, step: 0, language: data.language, zoom: 0, timer: 0, quiz: false };
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
  if (value && typeof value === "object") {
    return make("span", "m", changed && value.e ? formula(value.e) : spoken(value.m));
  }
  return document.createTextNode(value);
}

// A sentence: its words, and what is filled into its braces.
function sentence(key, params = {}, into = document.createDocumentFragment()) {
  words()[key].split(/\{(\w+)\}/).forEach((text, i) => {
    if (i % 2 === 0) into.append(text);
    else if (text === "node") into.append(make("span", "node", saying(params.node)));
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
  if (!Number.isFinite(x)) return minus(text);
  const [digits, power] = shorten(x, 2 ** -52);
  return power === null ? digits : minus(`${digits}e${power}`);
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
  if (value.left) return make("div", "", whole({ ...value, left: 0 }), make("p", "remark", leaving(value.left)));
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

// How much rounding has left of 0.
const leaving = (left) => sentence("left", { left: { m: write(numberTree(Number(precise(left, 2)), 2 ** -52)) } });

// What is said in a step.

const numbered = (i) => current(i);

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
  odd: ([, found]) => {
    const kind = changed && found.numbers ? oddNow(found) : found.kind;
    return kind ? make("p", "odd", sentence(kind, { node: found.node })) : null;
  },
  left: ([, list]) => {
    const most = Math.max(...list.map((i) => numbered(i).left ?? 0));
    return most ? make("p", "remark", leaving(most)) : null;
  },
  remark: ([, name]) => {
    const text = data.remarks[name]?.[now.language] ?? data.remarks[name]?.en;
    if (!text) return null;
    const said = text.split("`").map((t, i) => (i % 2 ? make("code", "", t) : t));
    return make("p", "remark", ...said);
  },
  multiply: ([, card]) => {
    if (changed && card.live) card = worked(card);
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
    if (asking()) {
      const [box, told] = question(card.numbers);
      row("big", [up, "×", local, "=", box], orange);
      grid.ariaHidden = null;
      return make("div", "card", heading(card), grid, told);
    }
    row("big", [up, "×", local, card.sign, down], orange);
    const heard = make("p", "sr", piece(card.heard));
    const along = card.part ? words().this_way : "";
    const means = card.means ? make("p", "remark", along, sentence(...card.means)) : null;
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
    if (changed) leaf = leafNow(leaf);
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
      const x = leaf.check.place ? { m: leaf.x.m + leaf.check.place } : leaf.x;
      const params = { ...leaf.check, x, y: leaf.y };
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
