"""What cannot be read on a page: texts that are small, cut off, outside, or over one another."""

FAULTS = """
() => {
  const found = [], boxes = [];
  const shown = (e) => {
    for (let x = e; x; x = x.parentElement) {
      const style = getComputedStyle(x);
      if (style.display === 'none' || Number(style.opacity) < 0.05) return false;
    }
    return getComputedStyle(e).visibility !== 'hidden';
  };
  const cut = (box, by) => {
    const left = Math.max(box.left, by.left), right = Math.min(box.right, by.right);
    const top = Math.max(box.top, by.top), bottom = Math.min(box.bottom, by.bottom);
    return { left, right, top, bottom, width: right - left, height: bottom - top };
  };
  const parents = function* (e) {
    for (let x = e; x && x !== document.body; x = x.parentElement) yield x;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim().slice(0, 40), e = walker.currentNode.parentElement;
    if (!text || e.closest('script, style, option, template, title, desc, .map')) continue;
    if (!shown(e) || [...parents(e)].some((x) => getComputedStyle(x).clipPath !== 'none')) continue;
    const range = document.createRange(), svg = e.closest('svg');
    range.selectNodeContents(walker.currentNode);
    const matrix = svg ? e.getScreenCTM() : { a: 1, b: 0 };
    const size = parseFloat(getComputedStyle(e).fontSize) * Math.hypot(matrix.a, matrix.b);
    for (let box of range.getClientRects()) {
      let scrolls = false;
      for (const x of parents(e)) {
        const { overflowX, overflowY } = getComputedStyle(x);
        if (/auto|scroll/.test(overflowX + overflowY)) {
          box = cut(box, x.getBoundingClientRect());
          scrolls = true;
        } else if (overflowX !== 'visible' && x !== svg) {
          const by = x.getBoundingClientRect();
          const within = box.right <= by.right + 2 && box.left >= by.left - 2;
          if (!scrolls && !within) found.push(`cut off: ${text}`);
        }
      }
      if (box.width <= 0 || box.height <= 0) continue;
      if (svg) {
        const inside = cut(box, svg.getBoundingClientRect());
        if (inside.width <= 0 || inside.height <= 0) continue;  // on another sheet
        const whole = inside.width >= box.width - 2 && inside.height >= box.height - 4;
        if (!whole) found.push(`at the edge: ${text}`);
      }
      const seen = scrolls || (box.right <= innerWidth + 1 && box.left >= -1);
      if (!seen) found.push(`out of the window: ${text}`);
      if (size < 10.95) found.push(`${size.toFixed(1)} px: ${text}`);
      if (!e.closest('.controls, .peek')) boxes.push({ e, box, text });
    }
  }
  boxes.sort((one, other) => one.box.top - other.box.top);
  boxes.forEach((one, i) => {
    for (const other of boxes.slice(i + 1)) {
      if (other.box.top > one.box.bottom) break;
      const both = cut(one.box, other.box), low = Math.min(one.box.height, other.box.height);
      if (one.e !== other.e && both.width > 2 && both.height > 0.4 * low) {
        found.push(`over one another: ${one.text} and ${other.text}`);
      }
    }
  });
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth + 1) found.push(`wider than the window: ${scrollWidth}`);
  return [...new Set(found)];
}
"""
LOOK = ("eval", f"({FAULTS})()")
