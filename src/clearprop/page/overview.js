// The whole picture in small, beside a window that shows a part of it; and on paper, sheet by sheet.

const MAP = 84, SHEET = [690, 900];
const map = at("map"), frame = make("div", "here");

const tallest = () => innerHeight * (at("main").matches(".wide") ? 0.8 : 0.62);

// Show the map where the picture, at this scale, is larger than its window; says how wide it is.
function mapped(svg, scale) {
  const { width, height } = svg.viewBox.baseVal, room = at("frame").clientWidth;
  const large = width * scale > room + 1 || height * scale > tallest() + 1;
  map.hidden = !large || room < 560;
  if (map.hidden) return 0;
  if (map.dataset.of !== String(now.view) || map.dataset.width !== String(width)) {
    const small = svg.cloneNode(true), size = Math.min((MAP - 10) / width, tallest() / height);
    for (const part of small.querySelectorAll("text, image, title, .g-label, .reach, .sign")) part.remove();
    for (const part of small.querySelectorAll("*")) for (const name of ["tabindex", "id"]) part.removeAttribute(name);
    small.style.width = `${width * size}px`;
    small.style.height = `${height * size}px`;
    map.replaceChildren(small, frame);
    Object.assign(map.dataset, { of: now.view, width });
  }
  return MAP;
}

// Mark what is in sight.
function markHere() {
  if (map.hidden) return;
  const small = map.firstChild, svg = stage.querySelector("[data-view-no]:not([hidden]) svg");
  const box = svg.getBoundingClientRect(), window_ = stage.getBoundingClientRect(), by = small.clientWidth / box.width;
  const place = (x, most) => Math.max(0, Math.min(most, x * by));
  const left = place(window_.left - box.left, small.clientWidth), top = place(window_.top - box.top, small.clientHeight);
  frame.style.left = `${left}px`;
  frame.style.top = `${top}px`;
  frame.style.width = `${place(window_.right - box.left, small.clientWidth) - left}px`;
  frame.style.height = `${place(window_.bottom - box.top, small.clientHeight) - top}px`;
}
stage.addEventListener("scroll", markHere);

function goTo(event) {
  if (!event.buttons) return;
  const small = map.firstChild, box = small.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
  stage.scrollTo(x * stage.scrollWidth - stage.clientWidth / 2, y * stage.scrollHeight - stage.clientHeight / 2);
}
map.addEventListener("pointerdown", goTo);
map.addEventListener("pointermove", goTo);

// The picture on paper: as wide as a sheet, cut where no text stands, so that all of it can be read.
function sheets(svg) {
  const { width, height } = svg.viewBox.baseVal, top = svg.getBoundingClientRect().top;
  const by = svg.getBoundingClientRect().height / height, scale = Math.min(1.2, SHEET[0] / width);
  const lines = [...svg.querySelectorAll("text, .g-operation, .g-layer, image")].map((part) => {
    const box = part.getBoundingClientRect();
    return [(box.top - top) / by - 3, (box.bottom - top) / by + 3];
  });
  const found = [];
  for (let y = 0; y < height - 1; ) {
    let end = Math.min(height, y + SHEET[1] / scale);
    for (let cut; end < height && (cut = lines.find(([a, b]) => a < end && end < b)) && cut[0] > y; ) end = cut[0];
    const sheet = svg.cloneNode(true);
    sheet.setAttribute("viewBox", `0 ${y} ${width} ${end - y}`);
    sheet.style.width = `${width * scale}px`;
    sheet.style.height = `${(end - y) * scale}px`;
    found.push(sheet);
    y = end;
  }
  return make("div", "paper", ...found);
}
