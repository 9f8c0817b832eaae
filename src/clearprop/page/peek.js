// What is shown of a part that is pointed at, or that the keyboard is on: its whole value.

let peeked = null;

function showPeek(group, x, y) {
  const entry = data.views[now.view].peeks[group.dataset.peek];
  const list = make("dl");
  const w = words();
  const add = (name, content) => list.append(make("dt", "", name), make("dd", "", content));
  add(w.value, entry.at > now.step ? w.not_yet : whole(numbered(entry.value)));
  const shown = entry.at <= now.step;
  if (entry.derivative !== undefined) {
    const name = make("span", "back-text", entry.d ? piece(entry.d) : w.derivative);
    if (entry.share) name.append(", ", w.share);
    add(name, entry.back > now.step ? w.not_yet : whole(numbered(entry.derivative)));
  }
  const image = group.querySelector("image");
  const told = [make("h3", "", entry.x ? piece(entry.x) : ""), list];
  if (image && shown && !group.matches(".later")) {
    const large = make("img");
    large.src = image.getAttribute("href");
    large.alt = "";
    told.push(large);
  }
  peek.replaceChildren(...told);
  peek.hidden = false;
  peeked = group;
  place(x, y);
}

function place(x, y) {
  const box = peek.getBoundingClientRect();
  const left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 8));
  const below = y + 18 + box.height < innerHeight;
  peek.style.left = `${left}px`;
  peek.style.top = `${below ? y + 18 : Math.max(4, y - box.height - 14)}px`;
}

function hidePeek() {
  peek.hidden = true;
}

function placeBeside(group) {
  const box = group.getBoundingClientRect();
  place(box.left, box.bottom - 12);
}

const pointed = (event) => {
  const group = event.target.closest?.("g[data-peek]");
  return group && !group.matches(".later") ? group : null;
};

stage.addEventListener("pointerover", (event) => {
  const group = pointed(event);
  if (group) showPeek(group, event.clientX, event.clientY);
});
stage.addEventListener("pointerout", (event) => {
  if (event.pointerType === "mouse" && !peek.contains(event.relatedTarget)) hidePeek();
});
peek.addEventListener("pointerleave", hidePeek);
stage.addEventListener("focusin", (event) => {
  const group = pointed(event);
  if (!group || !group.matches(":focus-visible")) return;
  showPeek(group, 0, 0);
  placeBeside(group);
});
stage.addEventListener("focusout", hidePeek);
// The focus brings what it is on into sight.
for (const scrolled of [stage, window]) {
  scrolled.addEventListener("scroll", () => peek.hidden || placeBeside(peeked));
}
