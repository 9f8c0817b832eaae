// Layer by layer: activations, weights and derivatives, before a step and after it; and the filters.

// The rows of the table: what ran, each with the parameters of its own; then what nobody ran.
function rowsOf(layers) {
  const rows = layers.map((layer, i) => ({ layer, i, name: layer.name, params: [] }));
  for (const p of data.params) {
    let row = rows.find((r) => p.layer === r.name || (r.name && p.layer.startsWith(`${r.name}.`)));
    if (!row) rows.push((row = { name: p.layer, params: [] }));
    row.params.push(p);
  }
  return rows;
}

function cell(word, kind = "") {
  const made = make("td", kind);
  made.dataset.label = say(word);
  return made;
}

painters.inside = () => {
  if (!now.seen) return;
  const { found, earlier, moves, steps } = now.seen;
  at("when").textContent = earlier
    ? say("when_step", { n: count(steps), before: short(earlier.loss), after: short(found.loss) })
    : say("when", { n: count(steps), loss: short(found.loss) });
  const sizes = Object.values(found.slopes).map((s) => s.size).filter(Number.isFinite);
  const steepest = Math.max(1e-30, ...sizes);
  at("layers").replaceChildren(...rowsOf(found.layers).map(({ layer, i, name, params }) => {
    const row = make("tr", "", make("th", "", name || data.title)), acts = cell("activations");
    const weights = cell("weights"), slopes = cell("slopes");
    if (layer) {
      const old = earlier?.layers[i];
      row.firstChild.append(make("small", "", layer.layer === name.replace(/\d+$/, "") ? "" : layer.layer, ` ${count(layer.units)}`));
      acts.append(histogram(layer, old), make("small", "", `${short(layer.low)} … ${short(layer.high)}`));
      if (layer.silent) acts.append(make("small", layer.silent === layer.units ? "dead" : "", say("silent", { n: count(layer.silent), m: count(layer.units) })));
    }
    for (const p of params) {
      const w = found.weights[p.name], s = found.slopes[p.name], moved = moves?.[p.name];
      const change = moved > 0 && Number.isFinite(moved) ? `, ${say("moved", { p: short(moved * 100) })}` : "";
      const text = make("small", "", `${p.name} ${p.shape.join(" × ")}`, make("br"), `±${short(Math.max(-w.low, w.high))}${change}`);
      weights.append(make("div", "pair", histogram(w, earlier?.weights[p.name]), text));
      if (!s) continue;
      const meter = make("span", "meter", make("u")), old = earlier?.slopes[p.name];
      meter.firstChild.style.width = `${100 * Math.min(1, Math.max(0, 1 + Math.log10(s.size / steepest) / 6))}%`;
      slopes.append(make("div", "pair", histogram(s, old),
        make("small", "", `${p.name} ${turned(old?.size, s.size)}`, make("br"), meter)));
    }
    row.append(acts, weights, slopes);
    return row;
  }));
};

// What can be seen as pictures: filters of convolutions, and what a first layer does with an image.
const pictured = data.params.filter((p, i) => p.shape.length === 4
  || (data.image && p.shape.length === 2 && p.shape[0] === sizeOf(data.image) && !data.params.slice(0, i).some((q) => q.shape.length > 1)));
const MOST = 256;

// The weights of each unit as a tile of its own; less those of the start, where these are given.
function filtersOf(p, vectors, start) {
  const w = vectors[`${p.group}:`], old = start?.[`${p.group}:`], conv = p.shape.length === 4;
  const [high, wide] = conv ? p.shape.slice(2) : data.image, n = high * wide;
  const units = conv ? p.shape[0] * p.shape[1] : p.shape[1];
  const tiles = Array.from({ length: Math.min(units, MOST) }, (_, u) => {
    const tile = new Float32Array(n), step = conv ? 1 : units;
    for (let i = 0, k = p.start + (conv ? u * n : u); i < n; i++, k += step) tile[i] = old ? w[k] - old[k] : w[k];
    return tile;
  });
  return { tiles, wide, high };
}

painters.filters = () => {
  const p = pictured[Number(at("which").value)];
  if (!p || !now.told) return;
  const { tiles, wide, high } = filtersOf(p, now.told.vectors, at("change").checked ? now.first : null);
  const room = at("tiles").clientWidth, each = wide > 14 ? 62 : wide > 4 ? 46 : 30;
  const inputs = p.shape.length === 4 ? p.shape[1] : 1;
  let columns = Math.max(5, Math.floor(room / each));
  if (inputs > 1 && inputs <= columns) columns -= columns % inputs;
  const canvas = mosaic(tiles, wide, high, columns);
  canvas.style.width = `${Math.min(100, (100 * tiles.length) / columns)}%`;
  at("tiles").replaceChildren(canvas);
  at("tiles-said").textContent = say(inputs > 1 ? "filters_inputs" : "filters_said",
    { name: p.name, n: p.shape.length === 4 ? p.shape[0] : p.shape[1], m: inputs });
};
