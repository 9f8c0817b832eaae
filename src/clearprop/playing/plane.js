// Two inputs: what the network says everywhere, and where it is undecided.

painters.plane = () => {
  const canvas = at("map"), height = Math.min(canvas.clientWidth, 420), [pen, width] = sized(canvas, height);
  if (!now.plane) return;
  const { side, shares } = now.plane, k = shares.length / side ** 2, image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += shares[i * k + j] * COLOURS[j % 6][c];
      image.data[4 * i + c] = sum;
    }
    image.data[4 * i + 3] = 150;
  }
  const small = canvasOf(side, side), [[x0, x1], [y0, y1]] = data.bounds;
  small.getContext("2d").putImageData(image, 0, 0);
  pen.drawImage(small, 0, 0, width, height);
  pen.strokeStyle = css("--ink");
  pen.lineWidth = 1.5;
  boundary(pen, shares, side, k, width / side, height / side);
  const dot = (x, y, size, inside, around) => {
    pen.beginPath();
    pen.arc(((x - x0) / (x1 - x0)) * width, ((y1 - y) / (y1 - y0)) * height, size, 0, 7);
    pen.fillStyle = inside;
    pen.fill();
    pen.strokeStyle = around;
    pen.stroke();
  };
  pen.lineWidth = 1;
  for (let i = 0; i < Math.min(data.train, 600); i++) dot(X[2 * i], X[2 * i + 1], 3.2, `rgb(${COLOURS[T[i] % 6].join()})`, "#fff");
  pen.lineWidth = 2;
  if (now.sample) dot(now.sample[0], now.sample[1], 6, "transparent", css("--ink"));
  at("classes").replaceChildren(...Array.from({ length: k }, (_, c) => {
    const spot = make("i");
    spot.style.background = `rgb(${COLOURS[c % 6].join()})`;
    return make("span", "", spot, className(c));
  }));
};

// Lines where one class has as large a chance as the best of the others, by marching squares.
function boundary(pen, shares, side, k, dx, dy) {
  const lead = new Float32Array(side * side);
  for (let c = 0; c < (k === 2 ? 1 : k); c++) {
    for (let i = 0; i < lead.length; i++) {
      let other = -1;
      for (let j = 0; j < k; j++) if (j !== c) other = Math.max(other, shares[i * k + j]);
      lead[i] = shares[i * k + c] - other;
    }
    pen.beginPath();
    for (let y = 0; y + 1 < side; y++) for (let x = 0; x + 1 < side; x++) {
      const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]], crossed = [];
      corners.forEach(([ax, ay], i) => {
        const [bx, by] = corners[(i + 1) % 4], a = lead[ay * side + ax], b = lead[by * side + bx];
        if (a > 0 === b > 0) return;
        const s = a / (a - b);
        crossed.push([(ax + s * (bx - ax) + 0.5) * dx, (ay + s * (by - ay) + 0.5) * dy]);
      });
      for (let i = 0; i + 1 < crossed.length; i += 2) {
        pen.moveTo(...crossed[i]);
        pen.lineTo(...crossed[i + 1]);
      }
    }
    pen.stroke();
  }
}

// Any point can be asked for, with a finger or with the arrow keys.
function ask(x, y) {
  const [[x0, x1], [y0, y1]] = data.bounds, within = (v, a, b) => Math.min(b, Math.max(a, v));
  show(Float32Array.of(within(x, x0, x1), within(y, y0, y1)));
  paint("plane");
}
function planeHands() {
  const [[x0, x1], [y0, y1]] = data.bounds, map = at("map");
  const point = (event) => {
    const box = map.getBoundingClientRect();
    ask(x0 + ((event.clientX - box.left) / box.width) * (x1 - x0), y1 - ((event.clientY - box.top) / box.height) * (y1 - y0));
  };
  map.addEventListener("pointerdown", point);
  map.addEventListener("pointermove", (event) => event.buttons && point(event));
  map.addEventListener("keydown", (event) => {
    const [right, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
    if (!right && !up) return;
    event.preventDefault();
    const [x, y] = now.sample ?? [(x0 + x1) / 2, (y0 + y1) / 2];
    ask(x + (right * (x1 - x0)) / 50, y + (up * (y1 - y0)) / 50);
  });
}
