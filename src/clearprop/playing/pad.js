// The pad: ink by mouse, finger or keys, made into an image as those of MNIST were.

const SIZE = 280, PEN = 22, THICK = 2.4; // of a digit 20 high
const pad = { canvas: at("pad"), strokes: [], example: false };
pad.pen = pad.canvas.getContext("2d", { willReadFrequently: true });

pad.clear = () => {
  pad.pen.clearRect(0, 0, SIZE, SIZE);
  pad.strokes = [];
  pad.example = false;
  show(null);
};

// A sample as ink. It is read as it is, not by way of the pad.
pad.show = (sample) => {
  const [h, w] = data.image, image = new ImageData(w, h), small = make("canvas");
  for (let i = 0; i < w * h; i++) image.data.set([255, 255, 255, 255 * sample[i]], 4 * i);
  small.width = w; small.height = h;
  small.getContext("2d").putImageData(image, 0, 0);
  pad.clear();
  pad.pen.imageSmoothingEnabled = false;
  pad.pen.drawImage(small, 0, 0, SIZE, SIZE);
  pad.example = true;
};

pad.line = (pen, from, to, width) => {
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#fff";
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
};

// From one point to the next, on the paper.
pad.draw = (from, to) => {
  if (pad.example) pad.clear();
  pad.strokes.push([from, to]);
  pad.line(pad.pen, from, to, PEN);
  paint("ink");
};
painters.ink = () => {
  if (data.image && !pad.example) show(pad.image(pad.ink()));
};

// What was drawn, as thick as a digit of its size is written: a small one with a thinner pen.
pad.ink = () => {
  if (!pad.strokes.length) return pad.canvas;
  const along = (k) => pad.strokes.flatMap((ends) => ends.map((point) => point[k]));
  const reach = Math.max(...[0, 1].map((k) => Math.max(...along(k)) - Math.min(...along(k))));
  const canvas = canvasOf(SIZE, SIZE), pen = canvas.getContext("2d", { willReadFrequently: true });
  const width = Math.min(2 * PEN, Math.max(4, (reach * THICK) / (20 - THICK)));
  for (const [from, to] of pad.strokes) pad.line(pen, from, to, width);
  return canvas;
};

// The ink scaled into 20 of 28 pixels, its centre of mass in the middle of the pixel below it.
pad.image = (canvas) => {
  const ink = canvas.getContext("2d").getImageData(0, 0, SIZE, SIZE).data, [height, width] = data.image;
  let x0 = SIZE, x1 = -1, y0 = SIZE, y1 = -1;
  for (let y = 0; y < SIZE; y++) for (let x = 0; x < SIZE; x++) {
    if (ink[(y * SIZE + x) * 4 + 3] <= 40) continue;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  if (x1 < 0) return null;
  const scale = ((20 / 28) * Math.min(height, width)) / Math.max(x1 - x0 + 1, y1 - y0 + 1);
  const brush = canvasOf(width, height).getContext("2d", { willReadFrequently: true });
  brush.imageSmoothingQuality = "high";
  const w = (x1 - x0 + 1) * scale, h = (y1 - y0 + 1) * scale;
  const drawn = (x, y) => {
    brush.clearRect(0, 0, width, height);
    brush.drawImage(canvas, x0, y0, x1 - x0 + 1, y1 - y0 + 1, x, y, w, h);
    return brush.getImageData(0, 0, width, height).data;
  };
  const left = Math.round((width - w) / 2), top = Math.round((height - h) / 2);
  let found = drawn(left, top), mass = 0, mx = 0, my = 0;
  for (let i = 0; i < width * height; i++) {
    const v = found[4 * i + 3];
    mass += v;
    mx += v * (i % width);
    my += v * Math.floor(i / width);
  }
  found = drawn(left + Math.round(width / 2 - mx / mass), top + Math.round(height / 2 - my / mass));
  return Float32Array.from({ length: width * height }, (_, i) => found[4 * i + 3] / 255);
};

pad.hands = () => {
  const { canvas } = pad;
  let last = null, place = [SIZE / 2, SIZE / 4];
  const where = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIZE) / box.width, ((event.clientY - box.top) * SIZE) / box.height];
  };
  const go = (to) => {
    pad.draw(last ?? to, to);
    last = to;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    go(where(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last) for (const one of [...(event.getCoalescedEvents?.() ?? []), event]) go(where(one));
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => (last = null));
  // With the arrow keys the pen moves, with Shift above the paper; Escape clears.
  canvas.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.key === "Escape") pad.clear();
    if (!dx && !dy) return;
    event.preventDefault();
    const from = place;
    place = [place[0] + 10 * dx, place[1] + 10 * dy].map((v) => Math.min(SIZE - 20, Math.max(20, v)));
    if (!event.shiftKey) pad.draw(from, place);
    paint("ink");
  });
};
