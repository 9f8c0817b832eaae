// Formulas that may change: trees with slots for numbers, written as in_text writes them.

const LOW = 0, SUM = 1, PRODUCT = 2, POWER = 3, ATOM = 4;
const LEVELS = {
  "=": LOW, "<": LOW, "+": SUM, "-": SUM, "*": PRODUCT, "@": PRODUCT, "/": PRODUCT, "Σ": PRODUCT,
  "^": POWER, "√": POWER, "∛": POWER, "T": POWER, "_": POWER,
};

const isText = (tree) => typeof tree[1] === "number" && tree[0] !== "#";

// A tree with numbers in place of slots.
function filled(tree) {
  if (!Array.isArray(tree) || isText(tree)) return tree;
  if (tree[0] === "#") return numberTree(results[tree[1]], tree[2]);
  return tree.map((part, i) => (i ? filled(part) : part));
}

// A number as a tree that stays; one with a power of ten binds as a product does.
function numberTree(x, eps) {
  const [digits, power] = shorten(x, eps);
  const text = power === null ? digits : `${digits}×10${raised(power)}`;
  return [text, digits.startsWith("−") ? SUM : power === null ? ATOM : PRODUCT, "1", x, eps];
}

const raised = (power) =>
  String(power).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));

const bind = (tree) => (isText(tree) ? tree[1] : LEVELS[tree[0]] ?? ATOM);
const at_ = (tree, least) => (bind(tree) >= least ? write(tree) : `(${write(tree)})`);
const factor = (tree) => {
  const bare = isText(tree) && (tree[2] === "d" || (tree[2] === "1" && tree[1] === PRODUCT));
  return bare ? write(tree) : at_(tree, POWER);
};

function write(tree) {
  if (isText(tree)) return tree[0];
  const [kind, ...rest] = tree, [first, second] = rest;
  switch (kind) {
    case "=": return equated(rest);
    case "+": return at_(first, SUM) + rest.slice(1).map((t) =>
      (t[0] === "-" && !isText(t) ? ` − ${at_(t[1], PRODUCT)}` : ` + ${at_(t, PRODUCT)}`)).join("");
    case "*": {
      const before = isText(first) && first[2] === "1" ? write(first) : factor(first);
      return [before, ...rest.slice(1).map(factor)].join(" · ");
    }
    case "@": return rest.map((t) => at_(t, POWER)).join(" ");
    case "/": return `${at_(first, first[2] === "d" ? POWER : PRODUCT)} / ${at_(second, POWER)}`;
    case "-": return `−${at_(first, PRODUCT)}`;
    case "^": {
      const minus = !isText(second) && second[0] === "-", inner = minus ? second[1] : second;
      const x = inner[3];
      if (isText(inner) && inner[2] === "1" && Number.isInteger(x) && Math.abs(x) < 1e6) {
        return at_(first, ATOM) + raised(minus ? -x : x);
      }
      return `${at_(first, ATOM)}^${at_(second, ATOM)}`;
    }
    case "√": case "∛": return kind + at_(first, ATOM);
    case "()": return `${first}(${rest.slice(1).map(write).join(", ")})`;
    case "|": return `${first}${write(second)}${first === "|" ? "|" : "⌋"}`;
    case "<": return `${write(second)} ${first} ${write(rest[2])}`;
    case "Σ": return `Σ${first && `_${first}`} ${at_(second, PRODUCT)}`;
    case "T": return `${at_(first, ATOM)}ᵀ`;
    case "_": return `${at_(second, ATOM)}_${first}`;
  }
}

// Whether a tree holds a number that is rounded where it is shown.
function rounded(tree) {
  if (!Array.isArray(tree)) return false;
  if (isText(tree)) return tree[2] === "1" && tree.length > 3 && !shorten(tree[3], tree[4])[2];
  return tree.slice(1).some(rounded);
}

function same(a, b) {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  if (isText(a) && isText(b) && a.length > 3 && b.length > 3) return a[3] === b[3] && a[4] === b[4];
  return a.length === b.length && a.every((part, i) => same(part, b[i]));
}

// Sides that are the same as the one before are left out; ≈ stands before the first rounded one.
function kept(sides) {
  const found = [];
  for (const side of sides) if (!found.length || !same(found.at(-1), side)) found.push(side);
  let sign = "=";
  const signs = found.slice(1).map((side) => (sign = rounded(side) ? "≈" : sign));
  return [found, signs];
}

function equated(sides) {
  const [found, signs] = kept(sides);
  return write(found[0]) + found.slice(1).map((side, i) => ` ${signs[i]} ${write(side)}`).join("");
}

const formula = (tree) => write(filled(tree));
