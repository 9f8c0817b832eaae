// The worker that looks inside: layer by layer, at one sample, at unseen ones, at the plane.

function watcher(machine) {
  const { data } = machine, SIDE = 80;
  let turn = 0, sample = null;

  const be = ({ vectors, states }) => {
    Object.assign(machine.vectors, vectors);
    machine.states = states;
  };

  function summary(a, scale) {
    let sum = 0, low = Infinity, high = -Infinity;
    for (const v of a) {
      sum += v * v;
      if (v < low) low = v;
      if (v > high) high = v;
    }
    const most = scale ?? (max(abs(low), abs(high)) || 1), bins = new Array(24).fill(0);
    for (const v of a) bins[max(0, min(23, floor(((v / most + 1) / 2) * 24)))]++;
    return { size: sqrt(sum / a.length), low, high, bins, most };
  }

  // What goes on in each layer for a batch; drawn on the scale of an earlier look, if there is one.
  function inside(rows, earlier) {
    const results = machine.call("slopes", machine.batch(rows));
    const found = { loss: results[0], slopes: {}, weights: {}, layers: [] };
    data.gives.slopes.forEach((give, i) => {
      const a = results[i];
      if (give.kind === "slope") found.slopes[give.name] = summary(a, earlier?.slopes[give.name].most);
      if (give.kind !== "activation") return;
      const units = a.length / data.batch, alive = new Uint8Array(units);
      for (let j = 0; j < a.length; j++) if (a[j] !== 0) alive[j % units] = 1;
      const silent = units - alive.reduce((m, v) => m + v, 0);
      const scale = earlier?.layers[found.layers.length].most;
      found.layers.push({ name: give.name, layer: give.layer, units, silent, ...summary(a, scale) });
    });
    for (const p of data.params) found.weights[p.name] = summary(machine.param(p), earlier?.weights[p.name].most);
    return found;
  }

  // How far each parameter went in a step, as a share of its size.
  function moves(before) {
    return Object.fromEntries(data.params.map((p) => {
      const old = before.vectors[`${p.group}:`].subarray(p.start), now = machine.param(p);
      let far = 0, size = 0;
      for (let i = 0; i < now.length; i++) {
        far += (now[i] - old[i]) ** 2;
        size += old[i] ** 2;
      }
      return [p.name, sqrt(far / size)];
    }));
  }

  // Scores as chances: of one score by the sigmoid, of several by softmax.
  function chances(scores) {
    if (scores.length === 1) return [1 - expit(scores[0]), expit(scores[0])];
    const top = max(...scores), e = Array.from(scores, (v) => exp(v - top));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / sum);
  }

  function read() {
    if (!sample) return;
    const results = machine.call("look", { x: sample }).map((a) => a.slice());
    const scores = results[0], shares = data.kind === "classes" ? chances(scores) : null;
    postMessage({ kind: "read", sample, scores, shares, figures: results.slice(1) });
  }

  // The chances of the classes on a grid over the plane, row by row from the top.
  function plane() {
    const [[x0, x1], [y0, y1]] = data.bounds, n = data.batch, found = [];
    for (let start = 0; start < SIDE * SIDE; start += n) {
      const x = new Float32Array(2 * n);
      for (let i = 0; i < n; i++) {
        const p = min(start + i, SIDE * SIDE - 1);
        x[2 * i] = x0 + ((x1 - x0) * ((p % SIDE) + 0.5)) / SIDE;
        x[2 * i + 1] = y1 - ((y1 - y0) * (floor(p / SIDE) + 0.5)) / SIDE;
      }
      const [scores] = machine.call("judge", { x }), k = scores.length / n;
      for (let i = 0; i < n && start + i < SIDE * SIDE; i++) found.push(...chances(scores.subarray(i * k, i * k + k)));
    }
    postMessage({ kind: "plane", side: SIDE, shares: Float32Array.from(found) });
  }

  // How many of a batch of unseen samples are read right.
  function right(start) {
    const rows = Array.from({ length: data.batch }, (_, i) => start + i), { x, t } = machine.batch(rows);
    const [scores] = machine.call("judge", { x }), k = scores.length / data.batch;
    let good = 0;
    for (let i = 0; i < data.batch; i++) {
      let best = k === 1 && scores[i] > 0 ? 1 : 0;
      for (let c = 1; c < k; c++) if (scores[i * k + c] > scores[i * k + best]) best = c;
      if (best === t[i]) good++;
    }
    return good;
  }

  // Everything, for the weights of now and, after a single step, for those before it as well.
  async function look({ seed, now, before }) {
    const mine = ++turn, begun = performance.now();
    Object.assign(machine, { seed, steps: (before ?? now).steps });
    let earlier = null;
    if (before) {
      be(before);
      earlier = inside(now.rows);
    }
    be(now);
    const found = inside(now.rows, earlier);
    postMessage({ kind: "inside", steps: now.steps, found, earlier, moves: before && moves(before) });
    read();
    if (data.bounds) plane();
    const tests = data.kind === "classes" ? floor(data.test / data.batch) : 0;
    let good = 0;
    for (let i = 0; i < tests; i++) {
      await breath();
      if (mine !== turn) return;
      good += right(data.train + i * data.batch);
    }
    if (tests) postMessage({ kind: "right", share: good / (tests * data.batch) });
    postMessage({ kind: "done", took: performance.now() - begun });
  }

  return {
    look,
    read(said) {
      sample = said.sample;
      read();
    },
  };
}

// The first message says which of the two this is.
onmessage = ({ data: first }) => {
  const hands = { trainer, watcher }[first.role](new Machine(first));
  onmessage = ({ data: said }) => hands[said.kind](said);
};
