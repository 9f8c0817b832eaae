// Runs printed programs for Python: a request a line, an answer a line.
const kinds = { Float32Array, Float64Array, Int32Array, Uint8Array };
const programs = new Map();
let count = 0;

function heard(x) {
  if (typeof x === "string") return x === "nan" ? NaN : x === "inf" ? Infinity : -Infinity;
  if (typeof x !== "object") return x;
  const bytes = Uint8Array.from(Buffer.from(x.data, "base64"));
  return new kinds[x.kind](bytes.buffer);
}

function told(x) {
  if (typeof x === "boolean") return x;
  if (typeof x === "number") return isFinite(x) ? x : isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const data = Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString("base64");
  return { kind: x.constructor.name, data };
}

function answer(request) {
  if (request.define !== undefined) {
    programs.set(++count, new Function(request.define)());
    return { number: count };
  }
  if (request.forget) return { gone: programs.delete(request.forget) };
  const given = request.arguments.map(heard);
  const results = programs.get(request.call)(...given);
  return { results: results.map(told), back: request.back.map((i) => told(given[i])) };
}

require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  let said;
  try {
    said = answer(JSON.parse(line));
  } catch (error) {
    said = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
});
