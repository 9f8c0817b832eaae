// The same with four numbers at a time, where the browser allows WebAssembly; products.wat says
// what the bytes are.
const PRODUCTS =
  "AGFzbQEAAAABCgFgBn9/f39/fwADAgEABQMBAEAHDAIDbWVtAgACbW0AAAqXBAGUBAQGfwN7AX8IeyAFQQRsIQsD" +
  "QEEAIQcDQP0MAAAAAAAAAAAAAAAAAAAAACEQ/QwAAAAAAAAAAAAAAAAAAAAAIRH9DAAAAAAAAAAAAAAAAAAAAAAh" +
  "Ev0MAAAAAAAAAAAAAAAAAAAAACET/QwAAAAAAAAAAAAAAAAAAAAAIRT9DAAAAAAAAAAAAAAAAAAAAAAhFf0MAAAA" +
  "AAAAAAAAAAAAAAAAACEW/QwAAAAAAAAAAAAAAAAAAAAAIRcgASAGIARsQQRsaiEJIAIgB0EEbGohCiAEIQgDQCAK" +
  "/QAEACEMIAr9AAQQIQ0gCf0JAgAhDiAQIA4gDP3mAf3kASEQIBEgDiAN/eYB/eQBIREgCf0JAgQhDiASIA4gDP3m" +
  "Af3kASESIBMgDiAN/eYB/eQBIRMgCf0JAgghDiAUIA4gDP3mAf3kASEUIBUgDiAN/eYB/eQBIRUgCf0JAgwhDiAW" +
  "IA4gDP3mAf3kASEWIBcgDiAN/eYB/eQBIRcgCUEQaiEJIAogC2ohCiAIQQFrIggNAAsgACAGIAVsIAdqQQRsaiEP" +
  "IA8gEP0LBAAgDyAR/QsEECAPIAtqIQ8gDyAS/QsEACAPIBP9CwQQIA8gC2ohDyAPIBT9CwQAIA8gFf0LBBAgDyAL" +
  "aiEPIA8gFv0LBAAgDyAX/QsEECAPIAtqIQ8gB0EIaiIHIAVJDQALIAZBBGoiBiADSQ0ACws=";
const vectors = (() => {
  try {
    const bytes = Uint8Array.from(atob(PRODUCTS), (c) => c.charCodeAt(0));
    const { mem, mm } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    return { mem, mm, numbers: new Float32Array(mem.buffer) };
  } catch {
    return null;
  }
})();

// Some rows at a time, and of a long sum some terms at a time, so that what is packed stays in the
// processor's cache.
const ROWS = 64, TERMS = 512;

function multiplyWide(plan, out, x, y, xs, ys, os, m, k, q) {
  const { xRow, outRow, yColumn, outColumn, xInner, yInner } = plan;
  const columns = (q + 7) & ~7, depth = k > 4 * TERMS ? TERMS : k, B = ROWS * depth, R = B + depth * columns;
  const missing = (R + ROWS * columns) * 4 - vectors.mem.buffer.byteLength;
  if (missing > 0) {
    vectors.mem.grow(ceil(missing / 65536));
    vectors.numbers = new Float32Array(vectors.mem.buffer);
  }
  const F = vectors.numbers;
  for (let first = 0; first < k; first += depth) {
    const last = min(first + depth, k);
    for (let p = first, o = B; p < last; p++, o += columns) {
      for (let j = 0, s = ys + yInner[p]; j < q; j++) F[o + j] = y[s + yColumn[j]];
    }
    for (let top = 0; top < m; top += ROWS) {
      const rows = min(ROWS, m - top);
      for (let i = top, o = 0; i < top + rows; i += 4) {
        const a = xs + xRow[i], b = xs + xRow[min(i + 1, m - 1)];
        const c = xs + xRow[min(i + 2, m - 1)], d = xs + xRow[min(i + 3, m - 1)];
        for (let p = first; p < last; p++, o += 4) {
          const s = xInner[p];
          F[o] = x[a + s]; F[o + 1] = x[b + s]; F[o + 2] = x[c + s]; F[o + 3] = x[d + s];
        }
      }
      vectors.mm(R * 4, 0, B * 4, (rows + 3) & ~3, last - first, columns);
      for (let i = 0, s = R; i < rows; i++, s += columns) {
        const o = os + outRow[top + i];
        if (first) for (let j = 0; j < q; j++) out[o + outColumn[j]] += F[s + j];
        else for (let j = 0; j < q; j++) out[o + outColumn[j]] = F[s + j];
      }
    }
  }
}
