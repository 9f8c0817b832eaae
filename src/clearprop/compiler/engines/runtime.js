// What printed programs call by a name of their own.
const {
  LN2, PI, abs, acos, acosh, asin, asinh, atan, atan2, atanh, cbrt, ceil, cos, cosh, exp, expm1,
  floor, fround, hypot, log, log10, log1p, log2, max, min, sin, sinh, sqrt, tan, tanh, trunc,
} = Math;

const power = (x, y) =>
  y === 2 ? x * x : y === 0.5 && x >= 0 ? sqrt(x) : x === 1 ? 1 : abs(y) === Infinity && x === -1 ? 1 : Math.pow(x, y);
const sign = (x) => Math.sign(x) + 0; // of −0 it is 0, as in NumPy
const remainder = (x, y) => {
  const r = x % y;
  return r !== 0 && r < 0 !== y < 0 ? r + y : r;
};
const fmax = (x, y) => (x !== x ? y : y !== y ? x : max(x, y));
const copysign = (x, y) => (y < 0 || Object.is(y, -0) ? -abs(x) : abs(x));
const heaviside = (x, y) => (x !== x ? x : x < 0 ? 0 : x > 0 ? 1 : y);
const logaddexp = (x, y) =>
  x === y ? x + LN2 : x !== x || y !== y ? NaN : max(x, y) + log1p(exp(-abs(x - y)));
const expit = (x) => (x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)));
const rint = (x) => {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
};
// The error function: its series near 0, the continued fraction of what is left further out.
function erf(x) {
  const a = abs(x);
  if (a !== a || a > 6) return sign(x);
  if (a < 2.5) {
    let term = x, total = x;
    for (let n = 1; abs(term) > 1e-17 * abs(total); n++) {
      term *= -x * x / n;
      total += term / (2 * n + 1);
    }
    return total * 2 / sqrt(PI);
  }
  let below = 0;
  for (let n = 60; n > 0; n--) below = n / 2 / (a + below);
  return sign(x) * (1 - exp(-a * a) / (a + below) / sqrt(PI));
}

// The place that an index means; negative ones count from the end.
const wrapped = (i, n) => (i < 0 ? i + n : i);

// Which of n numbers is the smallest, the next, and so on; NaN comes last, equals as they stand.
const order = (x, start, n) => {
  const key = (i) => (x[start + i] !== x[start + i] ? Infinity : x[start + i]);
  return Int32Array.from({ length: n }, (_, i) => i).sort((a, b) => key(a) - key(b) || a - b);
};

// Whether an array holds neither NaN nor infinity.
function finite(x) {
  for (let i = 0; i < x.length; i++) if (!isFinite(x[i])) return false;
  return true;
}

// A sum as NumPy adds it up: of more than 128 numbers that of two halves, else in eight parts. What
// holds the parts rounds them.
const parts = [new Float32Array(8), new Float64Array(8)];
function pairwise(x, at, step, n) {
  const r = parts[+(x instanceof Float64Array)];
  if (n > 128) {
    const half = (n >> 1) - ((n >> 1) % 8), first = pairwise(x, at, step, half);
    return (r[0] = first + pairwise(x, at + half * step, step, n - half)), r[0];
  }
  let i = 0;
  if (n < 8) r[0] = 0;
  else {
    for (; i < 8; i++) r[i] = x[at + i * step];
    for (; i + 7 < n; i += 8) for (let k = 0; k < 8; k++) r[k] += x[at + (i + k) * step];
    for (let k = 1; k < 8; k *= 2) for (let j = 0; j < 8; j += 2 * k) r[j] += r[j + k];
  }
  for (; i < n; i++) r[0] += x[at + i * step];
  return r[0];
}

// Products of matrices. In which order NumPy's BLAS adds is not known, and differs between machines;
// here it is one term after the other, in float64. A plan says where the elements lie: by axes [length, step in x, in y, in the
// result], those of the rows, of the columns, those summed over, and those that all three have.
function planned(rows, columns, inner, batch, start) {
  const along = (axes, which) => {
    let found = Int32Array.of(0);
    for (const axis of axes) {
      const more = new Int32Array(found.length * axis[0]);
      let at = 0;
      for (const before of found) for (let i = 0; i < axis[0]; i++) more[at++] = before + i * axis[which];
      found = more;
    }
    return found;
  };
  return {
    xRow: along(rows, 1), outRow: along(rows, 3), yColumn: along(columns, 2),
    outColumn: along(columns, 3), xInner: along(inner, 1), yInner: along(inner, 2),
    xStart: along(batch, 1).map((i) => i + start[0]), yStart: along(batch, 2).map((i) => i + start[1]),
    outStart: along(batch, 3),
  };
}

const room = { x: new Float64Array(0), y: new Float64Array(0) };
const packed = (which, n) => (room[which].length < n ? (room[which] = new Float64Array(n)) : room[which]);

function multiply(plan, out, x, y) {
  const m = plan.xRow.length, k = plan.xInner.length, q = plan.yColumn.length;
  const wide = vectors && out instanceof Float32Array && m * k * q >= 20000 && m >= 4 && q >= 8;
  for (let b = 0; b < plan.outStart.length; b++) {
    (wide ? multiplyWide : multiplyPlain)(plan, out, x, y, plan.xStart[b], plan.yStart[b], plan.outStart[b], m, k, q);
  }
}

// Rows of x and columns of y are laid out one after the other; then blocks of four rows and two columns.
function multiplyPlain(plan, out, x, y, xs, ys, os, m, k, q) {
  const { xRow, outRow, yColumn, outColumn, xInner, yInner } = plan;
  const A = packed("x", 4 * k), B = packed("y", k * q);
  for (let j = 0; j < q; j++) for (let p = 0, o = j * k, s = ys + yColumn[j]; p < k; p++) B[o + p] = y[s + yInner[p]];
  for (let i = 0; i < m; i += 4) {
    const h = min(4, m - i);
    for (let u = 0; u < h; u++) for (let p = 0, o = u * k, s = xs + xRow[i + u]; p < k; p++) A[o + p] = x[s + xInner[p]];
    let j = 0;
    if (h === 4) {
      const k2 = 2 * k, k3 = 3 * k;
      const o0 = os + outRow[i], o1 = os + outRow[i + 1], o2 = os + outRow[i + 2], o3 = os + outRow[i + 3];
      for (; j + 1 < q; j += 2) {
        let c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
        const u = j * k, v = u + k;
        for (let p = 0; p < k; p++) {
          const s = B[u + p], t = B[v + p], e = A[p], f = A[k + p], g = A[k2 + p], w = A[k3 + p];
          c0 += e * s; d0 += e * t; c1 += f * s; d1 += f * t;
          c2 += g * s; d2 += g * t; c3 += w * s; d3 += w * t;
        }
        const a = outColumn[j], b = outColumn[j + 1];
        out[o0 + a] = c0; out[o0 + b] = d0; out[o1 + a] = c1; out[o1 + b] = d1;
        out[o2 + a] = c2; out[o2 + b] = d2; out[o3 + a] = c3; out[o3 + b] = d3;
      }
    }
    for (; j < q; j++) for (let u = 0; u < h; u++) {
      let c = 0;
      for (let p = 0; p < k; p++) c += A[u * k + p] * B[j * k + p];
      out[os + outRow[i + u] + outColumn[j]] = c;
    }
  }
}

// An array from its bytes as text.
function decoded(kind, text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new kind(bytes.buffer);
}
