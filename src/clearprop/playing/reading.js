// One sample, and what each layer makes of it.

const show = (sample, answer = null) => {
  Object.assign(now, { sample, answer });
  if (!sample) now.reading = null;
  watcher?.postMessage({ kind: "read", sample });
  paint("reading");
};

function example() {
  const many = data.test || data.train, row = (data.test ? data.train : 0) + Math.floor(Math.random() * many);
  const n = sizeOf(data.sample), width = sizeOf(data.targets), t = T.subarray(row * width, row * width + width);
  const sample = X.slice(row * n, row * n + n);
  if (data.image) pad.show(sample);
  show(sample, data.kind === "classes" ? className(t[0]) : [...t].slice(0, 3).map(short).join(", "));
}

painters.reading = () => {
  const { reading, sample, answer } = now;
  at("said").textContent = answer === null ? "" : say("answer", { t: answer });
  if (!data.image) at("sample").textContent = sample ? say("sample", { x: few(sample) }) : "";
  if (!reading) {
    at("big").textContent = "?";
    at("bars").replaceChildren();
    at("reading").replaceChildren();
    return;
  }
  const { scores, shares, figures } = reading;
  if (shares) {
    const best = shares.indexOf(Math.max(...shares));
    at("big").textContent = Number.isFinite(scores[0]) ? className(best) : "?";
    at("big").style.opacity = 0.3 + 0.7 * (shares[best] || 0);
    at("bars").replaceChildren(...shares.map((q, c) => {
      const fill = make("u");
      fill.style.width = `${(q || 0) * 100}%`;
      const said = Number.isFinite(q) ? `${(100 * q).toFixed(0)} %` : "–";
      return make("div", "bar", make("span", "name", className(c)), make("i", "", fill), make("em", "", said));
    }));
  } else {
    at("big").textContent = few(scores);
  }
  at("reading").replaceChildren(...data.gives.look.slice(1).map((give, i) => figureOf(give, figures[i])));
};

const few = (array) => [...array].slice(0, 4).map(short).join(", ") + (array.length > 4 ? ", …" : "");

// The activations of a layer: maps beside each other, or cells; under a first convolution's maps
// the filters that made them.
function figureOf(give, array) {
  const [, ...shape] = give.shape, box = make("figure", "");
  if (shape.length === 3 && shape[1] * shape[2] > 1) {
    const [maps, h, w] = shape, shown = Math.min(maps, 16);
    const tiles = Array.from({ length: shown }, (_, k) => array.subarray(k * h * w, (k + 1) * h * w));
    const p = pictured.find((one) => one.layer === give.name && one.shape.length === 4 && one.shape[0] === maps && one.shape[1] === 1);
    const size = Math.max(h, w) > 14 ? 1.3 : 2.2;
    if (p && now.told) {
      const filters = filtersOf(p, now.told.vectors);
      const most = Math.max(...tiles.map(largest));
      box.append(make("div", "pairs", ...tiles.map((tile, k) => {
        const filter = mosaic([filters.tiles[k]], filters.wide, filters.high, 1), map = mosaic([tile], w, h, 1, most);
        filter.style.width = map.style.width = `${w * size}px`;
        return make("div", "", filter, map);
      })));
      box.append(make("figcaption", "", `${give.name} ${shape.join(" × ")}. ${say("filter_and_map")}`));
      box.classList.add("whole");
      return box;
    }
    const canvas = mosaic(tiles, w, h, 8);
    canvas.style.width = `${canvas.width * size}px`;
    box.append(canvas);
  } else {
    const n = array.length, columns = Math.min(n, n > 60 ? Math.ceil(Math.sqrt(n) * 1.6) : n > 12 ? 10 : n);
    const canvas = mosaic([array], columns, Math.ceil(n / columns), 1);
    canvas.style.width = `${Math.min(260, columns * (n > 400 ? 4 : 13))}px`;
    box.append(canvas);
  }
  box.append(make("figcaption", "", `${give.name} ${shape.join(" × ")}`));
  return box;
}
