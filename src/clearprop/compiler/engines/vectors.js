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

function multiplyWide(plan, out, x, y, xs, ys, os, m, k, q) {
  const { xRow, outRow, yColumn, outColumn, xInner, yInner } = plan;
  const rows = (m + 3) & ~3, columns = (q + 7) & ~7, B = rows * k, R = B + k * columns;
  const missing = (R + rows * columns) * 4 - vectors.mem.buffer.byteLength;
  if (missing > 0) {
    vectors.mem.grow(ceil(missing / 65536));
    vectors.numbers = new Float32Array(vectors.mem.buffer);
  }
  const F = vectors.numbers;
  for (let i = 0; i < m; i++) {
    for (let p = 0, s = xs + xRow[i], o = (i >> 2) * 4 * k + (i & 3); p < k; p++, o += 4) F[o] = x[s + xInner[p]];
  }
  for (let p = 0; p < k; p++) {
    for (let j = 0, s = ys + yInner[p], o = B + p * columns; j < q; j++) F[o + j] = y[s + yColumn[j]];
  }
  vectors.mm(R * 4, 0, B * 4, rows, k, columns);
  for (let i = 0; i < m; i++) {
    for (let j = 0, s = R + i * columns, o = os + outRow[i]; j < q; j++) out[o + outColumn[j]] = F[s + j];
  }
}
