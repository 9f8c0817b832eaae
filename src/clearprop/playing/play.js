// The page: it asks two workers, one that trains and one that looks inside, and shows what they say.

let X, T, trainer, watcher;

async function start() {
  const text = (await bytesOf(at("program").textContent.trim()));
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const [x, t, params, states, fixed] = await Promise.all([samples(data.x), samples(data.t),
    all(Object.fromEntries(data.params.filter((p) => p.data).map((p) => [p.name, p]))), all(data.states), all(data.fixed)]);
  [X, T] = [x, t];
  const { x: packed, t: targets, words: said, ...rest } = data;
  [trainer, watcher] = ["trainer", "watcher"].map((role) => {
    const worker = new Worker(address);
    worker.onerror = (event) => failed(event.message);
    worker.postMessage({ role, data: rest, arrays: { params, states, fixed }, X, T });
    return worker;
  });
  trainer.onmessage = ({ data: told }) => heard(told);
  watcher.onmessage = ({ data: seen }) => saw(seen);
  trainer.postMessage({ kind: "begin", seed: now.seed });
  example();
}

function failed(message) {
  at("died").textContent = String(message);
  at("died").hidden = false;
}

// What the trainer tells.
function heard(told) {
  now.before = told.why === "step" ? now.told : null;
  now.told = told;
  if (told.why === "begin") {
    now.first = told.vectors;
    now.broken = false;
    now.seen = null; // that was the network before
    now.speed = 0;
    curve.clear();
  }
  if (told.why === "broken") Object.assign(now, { broken: true, running: false });
  if (told.why === "train") now.speed = told.speed;
  curve.add(told.losses);
  paint("numbers", "curve");
  wanted = true;
  if (!now.running || !busy) look();
}

// The watcher is asked again once it has answered, and rests longer than it works while the other
// trains; what a pause or a single step left is looked at at once.
let wanted = false, busy = false;
function look() {
  if (!wanted) return;
  const { told, before, seed } = now;
  wanted = false;
  busy = true;
  watcher.postMessage({ kind: "look", seed, now: told, before });
}

const hears = {
  inside(said) {
    now.seen = said;
    paint("inside", "numbers", "filters");
  },
  read(said) {
    if (!now.sample) return;
    now.reading = said;
    paint("reading");
  },
  plane(said) {
    now.plane = said;
    paint("plane");
  },
  right(said) {
    now.right = said.share;
    paint("numbers");
  },
  done(said) {
    setTimeout(() => {
      busy = false;
      look();
    }, now.running ? Math.min(2000, Math.max(150, 2 * said.took)) : 0);
  },
};
const saw = (seen) => hears[seen.kind](seen);

painters.numbers = () => {
  const { told, seen, running, broken, right, speed } = now;
  at("go").textContent = running ? `❚❚ ${say("pause")}` : `▶ ${say("train")}`;
  at("go").disabled = at("one").disabled = broken;
  at("steps").textContent = count(told?.steps ?? 0);
  const loss = curve.smooth.at(-1) ?? seen?.found.loss;
  at("loss").textContent = loss === undefined ? "–" : short(loss);
  at("right-box").hidden = right === null;
  if (right !== null) at("right").textContent = `${(right * 100).toFixed(1)} %`;
  at("speed").textContent = speed ? (speed < 10 ? short(speed) : count(speed)) : "–";
  const dead = seen?.found.layers.find((l) => l.units > 1 && l.silent === l.units);
  const lost = broken || (seen && !Number.isFinite(seen.found.loss));
  at("died").hidden = !lost && !dead;
  at("died").textContent = lost ? say("died_loss") : dead ? say("died_units", { layer: dead.name }) : "";
};

// Hands.

const click = (id, act) => at(id).addEventListener("click", act);
click("go", () => {
  now.running = !now.running;
  trainer.postMessage({ kind: now.running ? "run" : "pause" });
  paint("numbers");
});
click("one", () => {
  now.running = false;
  trainer.postMessage({ kind: "step" });
});
click("again", () => {
  now.running = false;
  trainer.postMessage({ kind: "begin", seed: now.seed });
});
click("clear", pad.clear);
click("example", example);
for (const id of ["change", "which"]) at(id).addEventListener("change", () => paint("filters"));

const PACES = [1, 3, 10, 30, 100, 0];
function sayPace() {
  const pace = PACES[Number(at("pace").value)];
  at("paced").textContent = pace ? say("pace_some", { n: pace }) : say("pace_all");
  return pace;
}
at("pace").addEventListener("input", () => trainer?.postMessage({ kind: "pace", pace: sayPace() }));
at("rate").addEventListener("input", () => {
  const rate = 10 ** Number(at("rate").value);
  at("rated").textContent = short(rate);
  trainer?.postMessage({ kind: "rate", rate });
});

// Everything again: in another language, width or light.
function anew() {
  css.known = undefined;
  paint(...Object.keys(painters));
}
addEventListener("resize", anew);
for (const query of ["(prefers-color-scheme: dark)", "print"]) {
  matchMedia(query).addEventListener("change", () => {
    anew();
    [...dirty].forEach(painted);
  });
}
at("language").addEventListener("change", (event) => {
  now.language = event.target.value;
  speak();
});

function speak() {
  document.documentElement.lang = { zh: "zh-Hans" }[now.language] ?? now.language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = say(one.dataset.word);
  for (const one of document.querySelectorAll("[data-label-word]")) one.setAttribute("aria-label", say(one.dataset.labelWord));
  at("count").textContent = say("numbers_to_learn", { n: count(data.count) });
  at("right-said").textContent = say("right", { n: count(Math.floor(data.test / data.batch) * data.batch) });
  at("try-title").textContent = say(data.image ? "draw" : "look_at");
  at("example").textContent = say(data.test ? "example" : "example_seen");
  at("drawn").textContent = data.drawn ? say("drawn") : "";
  at("which").replaceChildren(...pictured.map((p, i) => new Option(`${p.layer} ${p.name}`, i, false, i === Number(at("which").value))));
  sayPace();
  anew();
}

for (const [code, name] of Object.entries(data.languages)) at("language").append(new Option(name, code));
at("language").value = now.language;
at("rate").value = Math.log10(data.rate || 0.1);
at("rated").textContent = short(data.rate);
at("pad").hidden = at("clear").hidden = !data.image;
at("plane").hidden = !data.bounds;
at("filters").hidden = !pictured.length;
at("which-box").hidden = pictured.length < 2;
if (data.image) pad.hands();
if (data.bounds) planeHands();
at("learn").after(...(data.bounds ? [at("plane"), at("try")] : [at("try")]));
at("try").classList.toggle("wide", Boolean(data.bounds));
speak();
start().catch((error) => failed(error.message));
requestAnimationFrame(frame);
