// In the worker alone: training, as fast as asked for, and reports of it.

if (typeof document === "undefined") {
  let machine, data, X, T, order, place, rng, running = false, pace = 0, losses = [], told = 0, last = 0;
  let busy = 0, taken = 0;
  const size = () => sizeOf(data.sample);
  const batch = (rows) => {
    const n = size(), x = new Float32Array(rows.length * n), width = sizeOf(data.targets);
    const t = new T.constructor(rows.length * width);
    rows.forEach((row, i) => {
      x.set(X.subarray(row * n, row * n + n), i * n);
      t.set(T.subarray(row * width, row * width + width), i * width);
    });
    return { x, t };
  };
  const shuffle = () => {
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(rng.random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    place = 0;
  };
  const next = () => {
    if (place + data.batch > order.length) shuffle();
    place += data.batch;
    return batch(order.slice(place - data.batch, place));
  };

  // The share of unseen samples that are read right.
  function right() {
    const n = Math.floor(data.test / data.batch) * data.batch;
    if (data.kind !== "classes" || !n) return null;
    let good = 0;
    for (let s = data.train; s < data.train + n; s += data.batch) {
      const rows = Array.from({ length: data.batch }, (_, i) => s + i), { x, t } = batch(rows);
      const [scores] = machine.call("judge", { x }), k = scores.length / data.batch;
      for (let i = 0; i < data.batch; i++) {
        let best = 0;
        if (k === 1) best = scores[i] > 0 ? 1 : 0;
        for (let c = 1; c < k; c++) if (scores[i * k + c] > scores[i * k + best]) best = c;
        good += best === t[i] ? 1 : 0;
      }
    }
    return good / n;
  }

  // What goes on in each layer for a batch: how large the derivatives are, which units are silent.
  function inside() {
    const results = machine.call("slopes", batch(order.slice(0, data.batch)));
    const found = { loss: results[0], slopes: {}, layers: [] };
    data.gives.slopes.forEach((give, i) => {
      const a = results[i];
      if (give.kind === "slope") found.slopes[give.name] = summary(a);
      if (give.kind === "activation") {
        const units = a.length / data.batch, alive = new Uint8Array(units);
        for (let j = 0; j < a.length; j++) if (a[j] !== 0) alive[j % units] = 1;
        const silent = units - alive.reduce((m, v) => m + v, 0);
        found.layers.push({ name: give.name, layer: give.layer, units, silent, ...summary(a) });
      }
    });
    return found;
  }

  function summary(a) {
    let sum = 0, low = Infinity, high = -Infinity;
    for (const v of a) {
      sum += v * v;
      if (v < low) low = v;
      if (v > high) high = v;
    }
    const bins = new Array(24).fill(0), most = max(abs(low), abs(high)) || 1;
    for (const v of a) bins[min(23, floor(((v / most + 1) / 2) * 24))]++;
    return { size: sqrt(sum / a.length), low, high, bins, most };
  }

  function tell(why) {
    const vectors = Object.fromEntries(Object.entries(machine.vectors).filter(([k]) => k.endsWith(":"))
      .map(([k, v]) => [k, v.slice()]));
    postMessage({ why, steps: machine.steps, losses, vectors, states: machine.states, right: right(),
      inside: inside(), speed: busy ? (taken / busy) * 1000 : 0 });
    losses = [];
    busy = taken = 0;
    last = performance.now();
  }

  function run(count) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const results = machine.call("step", next());
      losses.push(results[0]);
      if (results.at(-1) === false) {
        running = false;
        return false;
      }
      machine.steps++;
    }
    busy += performance.now() - start;
    taken += count;
    return true;
  }

  function loop() {
    if (!running) return;
    let good = true;
    if (pace) {
      good = run(1);
      if (good) tell("train");
      setTimeout(loop, 1000 / pace);
    } else {
      const end = performance.now() + 25;
      while (good && performance.now() < end) good = run(2);
      if (good && performance.now() - last > 120) tell("train");
      setTimeout(loop, 0);
    }
    if (!good) tell("broken");
  }

  const begin = (seed) => {
    machine.begin(seed);
    rng = generator(seed + 7);
    order = Int32Array.from({ length: data.train }, (_, i) => i);
    shuffle();
    losses = [];
    tell("begin");
  };

  onmessage = ({ data: message }) => {
    const { kind } = message;
    if (kind === "begin") {
      ({ data, X, T } = message);
      machine = new Machine(data, message.arrays);
      machine.rate = data.rate;
      begin(message.seed);
    }
    if (kind === "again") {
      running = false;
      begin(message.seed);
    }
    if (kind === "rate") machine.rate = message.rate;
    if (kind === "pace") pace = message.pace;
    if (kind === "run" && !running) {
      running = true;
      last = performance.now();
      loop();
    }
    if (kind === "pause") {
      running = false;
      tell("pause");
    }
    if (kind === "steps") {
      running = false;
      tell(run(message.count) ? "pause" : "broken");
    }
  };
}
