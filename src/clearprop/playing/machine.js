// Both in the page and in its worker: a network's numbers, and how its programs are called.

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
  return { random, normal };
}

class Machine {
  constructor(data, arrays) {
    this.data = data;
    this.arrays = arrays;
    this.made = {};
    this.numbers = {};
    for (const name of Object.keys(programs)) this.made[name] = programs[name]();
    this.begin(1);
  }

  // The weights of the start: as written, or drawn.
  begin(seed) {
    const { data, arrays } = this, rng = generator(seed);
    this.steps = 0;
    this.vectors = {};
    data.groups.forEach((names, g) => {
      const size = data.params.filter((p) => p.group === g).reduce((n, p) => n + sizeOf(p.shape), 0);
      for (const kind of ["", ...data.vectors[g]]) this.vectors[`${g}:${kind}`] = new Float32Array(size);
    });
    for (const p of data.params) {
      const piece = this.param(p);
      if (p.fill !== undefined) piece.fill(p.fill);
      else if (p.normal) for (let i = 0; i < piece.length; i++) piece[i] = p.normal[0] + p.normal[1] * rng.normal();
      else piece.set(arrays.params[p.name]);
    }
    this.states = Object.fromEntries(Object.entries(arrays.states).map(([k, a]) => [k, a.slice()]));
    this.noise = generator(seed + 1);
  }

  param(p) {
    return this.vectors[`${p.group}:`].subarray(p.start, p.start + sizeOf(p.shape));
  }

  // Call a program: its leaves in their order.
  call(name, batch) {
    const given = this.data.takes[name].map((take) => {
      switch (take.kind) {
        case "batch": return batch[take.which];
        case "vector": return this.vectors[take.name];
        case "param": return this.param(this.data.params.find((p) => p.name === take.name));
        case "state": return this.states[take.name];
        case "fixed": return this.arrays.fixed[take.name];
        case "step": return this.steps + 1;
        case "hyper": return take.name === "lr" && this.rate !== undefined ? fround(this.rate) : take.value;
        case "noise": {
          const draw = take.method === "random" ? this.noise.random : this.noise.normal;
          const u = new Float32Array(sizeOf(take.shape));
          for (let i = 0; i < u.length; i++) u[i] = draw();
          return u;
        }
        default: return take.value;
      }
    });
    return this.made[name](...given);
  }
}
