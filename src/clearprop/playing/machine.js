// In the workers: a network's numbers and samples, and how its programs are called.

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

// Random numbers from a seed: mulberry32, and pairs of normal ones by Box and Muller.
function generator(seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => sqrt(-2 * log(1 - random())) * cos(2 * PI * random());
  return { random, standard_normal: normal, standard_exponential: () => -log(1 - random()) };
}

class Machine {
  constructor({ data, arrays, X, T }) {
    Object.assign(this, { data, arrays, X, T });
    this.made = Object.fromEntries(Object.keys(programs).map((name) => [name, programs[name]()]));
    this.params = new Map(data.params.map((p) => [p.name, p]));
    this.x = new X.constructor(data.batch * sizeOf(data.sample));
    this.t = new T.constructor(data.batch * sizeOf(data.targets));
    this.begin(1);
  }

  // The weights of the start: as written, or drawn.
  begin(seed) {
    const { data, arrays } = this, rng = generator(seed);
    this.seed = seed;
    this.steps = 0;
    this.rate ??= data.rate;
    this.vectors = {};
    data.groups.forEach((names, g) => {
      const size = data.params.filter((p) => p.group === g).reduce((n, p) => n + sizeOf(p.shape), 0);
      for (const kind of ["", ...data.vectors[g]]) this.vectors[`${g}:${kind}`] = new Float32Array(size);
    });
    for (const p of data.params) {
      const piece = this.param(p);
      if (p.fill !== undefined) piece.fill(p.fill);
      else if (p.normal) for (let i = 0; i < piece.length; i++) piece[i] = p.normal[0] + p.normal[1] * rng.standard_normal();
      else piece.set(arrays.params[p.name]);
    }
    this.states = Object.fromEntries(Object.entries(arrays.states).map(([k, a]) => [k, a.slice()]));
  }

  param(p) {
    return this.vectors[`${p.group}:`].subarray(p.start, p.start + sizeOf(p.shape));
  }

  // Samples side by side, in arrays that the next batch overwrites.
  batch(rows) {
    const { x, t, X, T } = this, n = x.length / this.data.batch, width = t.length / this.data.batch;
    rows.forEach((row, i) => {
      x.set(X.subarray(row * n, row * n + n), i * n);
      t.set(T.subarray(row * width, row * width + width), i * width);
    });
    return { x, t };
  }

  // What is random in a step follows from the seed and the number of the step, for every program.
  noise(take, rng) {
    if (!take.shape.length) return rng[take.method]();
    const u = new Float32Array(sizeOf(take.shape));
    for (let i = 0; i < u.length; i++) u[i] = rng[take.method]();
    return u;
  }

  // Call a program: its leaves in their order. What it gives is overwritten by the next call.
  call(name, batch) {
    const rng = generator(Math.imul(this.seed + 1, 0x9e3779b1) + this.steps);
    const drawn = this.made[`${name}_draws`]?.(...this.data.takes[`${name}_draws`].map((take) => this.noise(take, rng)));
    const given = this.data.takes[name].map((take) => {
      switch (take.kind) {
        case "batch": return batch[take.which];
        case "vector": return this.vectors[take.name];
        case "param": return this.param(this.params.get(take.name));
        case "state": return this.states[take.name];
        case "fixed": return this.arrays.fixed[take.name];
        case "step": return this.steps + 1;
        case "noise": return this.noise(take, rng);
        case "drawn": return drawn[take.index];
        case "hyper":
          return take.name === "lr" && this.rate !== this.data.rate
            ? fround(take.value * (this.rate / this.data.rate)) : take.value;
        default: return take.value;
      }
    });
    return this.made[name](...given);
  }
}

// Let the other messages of a worker through.
const channel = new MessageChannel();
const breath = () => new Promise((resume) => {
  channel.port1.onmessage = resume;
  channel.port2.postMessage(0);
});
