// The worker that trains: steps, as fast as asked for. What they do inside is the other's to see.

function trainer(machine) {
  const { data } = machine;
  let rng, order, place, rows, losses = [], turn = 0, pace = 0, told = 0, taken = 0;

  function next() {
    if (place + data.batch > order.length) {
      for (let i = order.length - 1; i > 0 && !data.ordered; i--) {
        const j = floor(rng.random() * (i + 1));
        [order[i], order[j]] = [order[j], order[i]];
      }
      place = 0;
    }
    place += data.batch;
    return order.slice(place - data.batch, place);
  }

  // One step; whether the numbers have stayed numbers.
  function step() {
    rows = next();
    const results = machine.call("step", machine.batch(rows));
    losses.push(results[0]);
    if (results.at(-1) === false) return false;
    machine.steps++;
    taken++;
    return true;
  }

  function tell(why) {
    const vectors = {}, states = {}, now = performance.now();
    for (const [k, v] of Object.entries(machine.vectors)) if (k.endsWith(":")) vectors[k] = v.slice();
    for (const [k, v] of Object.entries(machine.states)) states[k] = v.slice();
    const speed = (taken / (now - told)) * 1000;
    const moved = [...Object.values(vectors), ...Object.values(states)].map((a) => a.buffer);
    postMessage({ why, steps: machine.steps, losses, rows, vectors, states, speed }, moved);
    losses = [];
    taken = 0;
    told = now;
  }

  async function run() {
    const mine = ++turn;
    told = performance.now();
    while (mine === turn) {
      const start = performance.now();
      let good;
      do good = step();
      while (good && !pace && performance.now() < start + 40);
      const now = performance.now();
      if (!good) {
        turn++;
        tell("broken");
      } else if (now > told + 100) tell("train");
      await (pace ? new Promise((resume) => setTimeout(resume, 1000 / pace - (now - start))) : breath());
    }
  }

  function begin({ seed }) {
    turn++;
    machine.begin(seed);
    rng = generator(seed + 7);
    order = Int32Array.from({ length: data.train }, (_, i) => i);
    place = data.train;
    rows = next();
    place = 0;
    losses = [];
    tell("begin");
  }

  return {
    begin,
    run,
    rate: ({ rate }) => { machine.rate = rate; },
    pace: (said) => { pace = said.pace; },
    pause() {
      turn++;
      tell("pause");
    },
    step() {
      turn++;
      tell(step() ? "step" : "broken");
    },
  };
}
