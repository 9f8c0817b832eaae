"""All that a page shows, at every depth and step, and whether two pages show the same."""

import re

import numpy as np

ALL = """
async () => {
  const at = (id) => document.getElementById(id), found = [];
  const canvas = document.createElement('canvas');
  document.body.style.display = 'none'; // nothing is to be laid out anew at each step
  const tell = (id, kind, value) => {
    at(id).value = value;
    at(id).dispatchEvent(new Event(kind));
  };
  // The pixels of a small picture, coarse enough for one step of colour.
  const pixels = async (href) => {
    const image = new Image();
    image.src = href;
    await image.decode();
    [canvas.width, canvas.height] = [image.width, image.height];
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    pen.drawImage(image, 0, 0);
    const { data } = pen.getImageData(0, 0, image.width, image.height);
    return `${image.width} × ${image.height}: ${data.join()}`;
  };
  // Texts one by one: numbers in neighbouring cells stay apart.
  const texts = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), all = [];
    while (walker.nextNode()) all.push(walker.currentNode.data);
    return all.join('|');
  };
  for (const option of at('depth').options) {
    tell('depth', 'change', option.value);
    for (let i = 0; i <= Number(at('slider').max); i++) {
      tell('slider', 'input', i);
      found.push([at('count').textContent, texts(at('said')), at('slider').ariaValueText ?? '']);
      for (const cell of at('said').querySelectorAll('[title]')) found.push(['cell', cell.title]);
    }
    const view = document.querySelector('[data-view-no]:not([hidden])');
    for (const g of view.querySelectorAll('g.g-label')) {
      const bars = [...g.querySelectorAll('path.bar')].map((p) => p.getAttribute('d'));
      found.push([g.dataset.id, texts(g)], [`${g.dataset.id} bars`, bars.join()]);
      for (const image of g.querySelectorAll('image')) {
        found.push([`${g.dataset.id} image`, await pixels(image.getAttribute('href'))]);
      }
    }
    for (const g of view.querySelectorAll('g[data-id][aria-label]')) {
      found.push([g.dataset.id, g.getAttribute('aria-label')]);
    }
    for (const g of view.querySelectorAll('g[data-peek]')) {
      g.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
      found.push([g.dataset.id, texts(at('peek'))]);
    }
  }
  return found;
}
"""
SHOWN = ("eval", f"({ALL})()")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")
NOISE = re.compile("×10⁻¹[⁶⁷⁸⁹]|e[−-]1[6-9]")


def compared(edited, afresh):
    """The same texts; a number of many digits may differ in the last ones, and so may what is left
    of rounding in a difference."""
    for one, other in zip(edited, afresh, strict=False):
        if not alike(one, other):
            raise AssertionError(f"{one[0]}\nedited: {one[1:]}\nafresh: {other}")
    assert len(edited) == len(afresh)


def alike(one, other):
    if one[0].endswith(" bars") and one[0] == other[0]:
        return same(one[1], other[1], 0.011)  # hundredths, that may be rounded either way
    if one[0].endswith(" image") and one[0] == other[0]:
        (size, found), (other_size, wanted) = (x[1].split(": ") for x in (one, other))
        colours = [np.array(t.split(","), int).reshape(-1, 4) for t in (found, wanted)]
        # What cannot be seen has no colour; half a level of opacity may be rounded either way.
        close = abs(colours[0] - colours[1])[colours[1][:, 3] > 0]
        return size == other_size and close.max(initial=0) <= 6
    return one[0] == other[0] and all(map(same, one[1:], other[1:]))


def same(found, wanted, atol=1e-14):
    if found == wanted or (NOISE.search(found) and NOISE.search(wanted)):
        return True
    if NUMBER.sub("#", found) != NUMBER.sub("#", wanted):
        return False
    numbers = [list(map(float, NUMBER.findall(text))) for text in (found, wanted)]
    return np.allclose(*numbers, rtol=1e-12, atol=atol)
