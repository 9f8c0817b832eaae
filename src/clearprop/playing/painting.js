// Canvases: sharp ones, numbers as coloured cells, bars of how often which value comes, the curve.

const css = (name) => {
  css.known ??= getComputedStyle(document.documentElement);
  return css.known.getPropertyValue(name).trim();
};
const COLOURS = [[217, 95, 2], [33, 102, 192], [27, 158, 119], [166, 86, 200], [102, 102, 102], [230, 171, 2]];

const sized = (canvas, height, width = canvas.clientWidth) => {
  const k = devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = Math.round(width * k);
  canvas.height = Math.round(height * k);
  canvas.style.height = `${height}px`;
  pen.setTransform(k, 0, 0, k, 0, 0);
  return [pen, width];
};

// Tiles of coloured cells, w times h each, so many in a row: orange above 0, blue below; strongest
// where the largest number is, in each tile in which there are not only small ones.
function largest(tile) {
  let most = 0;
  for (let i = 0; i < tile.length; i++) most = Math.max(most, Math.abs(tile[i]));
  return most;
}
function mosaic(tiles, w, h, columns, most = Math.max(...tiles.map(largest))) {
  const gap = tiles.length > 1 ? 1 : 0, rows = Math.ceil(tiles.length / columns);
  const canvas = canvasOf(Math.min(columns, tiles.length) * (w + gap) - gap, rows * (h + gap) - gap);
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height), ground = Number(css("--cell"));
  const pixels = new Uint32Array(image.data.buffer);
  tiles.forEach((tile, u) => {
    const scale = Math.max(largest(tile), most / 3) || 1, left = (u % columns) * (w + gap), top = Math.floor(u / columns) * (h + gap);
    for (let i = 0; i < tile.length; i++) {
      const s = Math.min(1, Math.abs(tile[i]) / scale), [r, g, b] = COLOURS[tile[i] > 0 ? 0 : 1];
      const o = (top + Math.floor(i / w)) * canvas.width + left + (i % w);
      pixels[o] = 0xff000000 | ((ground + (b - ground) * s) << 16) | ((ground + (g - ground) * s) << 8) | (ground + (r - ground) * s);
    }
  });
  pen.putImageData(image, 0, 0);
  return canvas;
}

// How often which value comes; behind it, in outline, how often it came before.
function histogram(found, earlier) {
  const w = 96, h = 28, k = devicePixelRatio || 1, canvas = canvasOf(w * k, h * k);
  const pen = canvas.getContext("2d");
  canvas.style.width = `${w}px`; canvas.style.height = `${h}px`;
  pen.scale(k, k);
  const most = Math.sqrt(Math.max(1, ...found.bins, ...(earlier?.bins ?? []))), step = w / found.bins.length;
  found.bins.forEach((n, i) => {
    pen.fillStyle = css(i < found.bins.length / 2 ? "--minus" : "--plus");
    const high = (Math.sqrt(n) / most) * (h - 1);
    pen.fillRect(i * step, h - high, step - 1, high);
  });
  pen.strokeStyle = css("--ink");
  pen.beginPath();
  earlier?.bins.forEach((n, i) => {
    const y = h - 0.5 - (Math.sqrt(n) / most) * (h - 1);
    pen.lineTo(i * step, y);
    pen.lineTo((i + 1) * step, y);
  });
  pen.stroke();
  return canvas;
}

// Round numbers from 0 up to about a largest one.
function ticks(most, many) {
  const rough = most / many, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((k) => k * power >= rough * 0.999) * power;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
}

const curve = { losses: [], smooth: [], every: 1 };
curve.clear = () => {
  curve.losses.length = curve.smooth.length = 0;
  curve.every = 1;
};
curve.add = (more) => {
  const { losses, smooth } = curve;
  if (losses.length > 20000) { // every other one is enough
    for (const list of [losses, smooth]) list.splice(0, list.length, ...list.filter((_, i) => i % 2 === 0));
    curve.every *= 2;
  }
  for (const loss of more.filter((_, i) => i % curve.every === 0)) {
    losses.push(loss);
    const last = smooth.at(-1);
    smooth.push(Number.isFinite(last) ? last + (loss - last) * Math.max(0.05, 1 / losses.length) : loss);
  }
};

painters.curve = () => {
  const { losses, smooth, every } = curve, height = 170, [pen, width] = sized(at("curve"), height);
  const right = width - 10, low = height - 22, high = 10;
  if (width < 80) return;
  const n = Math.max(losses.length, 50);
  const good = (list) => list.filter(Number.isFinite);
  const most = Math.max(losses.length ? 1e-6 : 1, ...good(smooth.slice(0, 3)), ...good(smooth.slice(-200))) * 1.1;
  pen.font = "12px system-ui, sans-serif";
  const left = Math.max(44, ...ticks(most, 4).map((loss) => pen.measureText(short(loss)).width + 8));
  const x = (i) => left + ((right - left) * i) / n, y = (loss) => low - ((low - high) * Math.min(loss, most)) / most;
  pen.fillStyle = css("--faint");
  pen.strokeStyle = css("--line");
  pen.textAlign = "right";
  for (const loss of ticks(most, 4)) {
    pen.beginPath();
    pen.moveTo(left, y(loss));
    pen.lineTo(right, y(loss));
    pen.stroke();
    pen.fillText(short(loss), left - 6, y(loss) + 4);
  }
  pen.textAlign = "center";
  for (const step of ticks(n * every, 5)) {
    const text = count(step), half = pen.measureText(text).width / 2;
    pen.fillText(text, Math.min(x(step / every), width - half), height - 5);
  }
  const line = (list, thick, alpha) => {
    pen.strokeStyle = css("--accent");
    pen.lineWidth = thick;
    pen.globalAlpha = alpha;
    pen.beginPath();
    const stride = Math.max(1, Math.floor(list.length / (width * 2)));
    for (let i = 0; i < list.length; i += stride) if (Number.isFinite(list[i])) pen.lineTo(x(i), y(list[i]));
    pen.stroke();
    pen.globalAlpha = 1;
  };
  line(losses, 1, 0.3);
  line(smooth, 2, 1);
};
