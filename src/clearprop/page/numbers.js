// Numbers as Python writes them: the same digits, the same signs.

// Rounded a little larger than it is: what is a tie but for its last digits is one.
const SAME = 2 ** -40;
const up = (x) => (Number.isFinite(x * (1 + SAME)) ? x * (1 + SAME) : x);

const restOfMean = (dtype) => ({ float32: 2 ** -19, float64: 1e-12 }[dtype] ?? 0);

// So many significant digits, in exponent form; ties go to the even digit, as in Python.
function precise(x, digits) {
  const said = x.toExponential(digits - 1);
  const [mantissa, power] = x.toExponential(Math.min(100, digits + 40)).split("e");
  const all = mantissa.replace(/[-.]/g, "");
  if (!/^50*$/.test(all.slice(digits))) return said;
  const down = mantissa.slice(0, mantissa.indexOf(all[0]) + digits + (digits > 1 ? 1 : 0));
  return "02468".includes(down.at(-1)) ? `${down}e${power}` : said;
}

// "1.50e-7" as the sign, the digits without a point, and the power of ten.
function taken(said) {
  const [, sign, a, b = "", power] = /^(-?)(\d)(?:\.(\d*))?e([+-]\d+)$/.exec(said);
  return { sign, digits: a + b, power: Number(power) };
}

// Digits with a point in its place: so many places behind it, if given.
function withPoint(digits, power, places = Math.max(0, digits.length - 1 - power)) {
  const all = power < 0 ? "0".repeat(-power) + digits : digits.padEnd(power + 1, "0");
  const whole = power < 0 ? 1 : power + 1;
  return places ? `${all.slice(0, whole)}.${all.slice(whole).padEnd(places, "0")}` : all.slice(0, whole);
}

const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const minus = (text) => text.replaceAll("-", "−");

// Python's f"{x:.{digits}g}".
function general(x, digits) {
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const { sign, digits: d, power } = taken(precise(x, digits));
  if (power >= -4 && power < digits) return sign + trimmed(withPoint(d, power));
  const mantissa = trimmed(d.length > 1 ? `${d[0]}.${d.slice(1)}` : d);
  return `${sign}${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

// Python's f"{x:.{places}f}".
function fixed(x, places) {
  const power = x === 0 ? 0 : taken(x.toExponential(20)).power;
  const digits = power + 1 + places;
  if (x === 0 || digits < 0) return (0).toFixed(places);
  if (digits === 0) return x.toFixed(places);
  const t = taken(precise(x, digits));
  return t.sign + withPoint(t.digits, t.power, places);
}

// As in the pictures: short, without the noise of rounding.
function number(x, digits = 6) {
  if (typeof x === "boolean") return x ? "True" : "False";
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (Number.isInteger(x) && Math.abs(x) < 1e9) return minus(String(x));
  const [mantissa, power] = general(up(x), digits).split("e");
  const text = power ? `${trimmed(mantissa)}e${Number(power)}` : mantissa;
  return text === "-0" ? "0" : minus(text);
}

// As in the words: as short as it can be, and no shorter than it is exact; the digits, the power of
// ten where it needs one, and whether that is all of it.
function shorten(value, eps) {
  if (!Number.isFinite(value)) return [Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞", null, true];
  if (value === 0) return ["0", null, true];
  let digits = 1, size = Math.abs(value);
  const near = Math.max(8 * eps, SAME) * size;
  while (digits < 17 && Math.abs(Number(precise(value, digits)) - value) > near) digits++;
  const whole = Number.isInteger(value) && size < 1e15;
  const exact = digits <= 8 || whole;
  if (!exact) [digits, size] = [6, up(size)];
  const { digits: found, power } = taken(precise(size, digits));
  const mantissa = digits > 1 ? trimmed(`${found[0]}.${found.slice(1)}`) : found;
  if (digits > 1) digits = Math.max(mantissa.length - 1, 1);
  const sign = value < 0 ? "−" : "";
  if (whole || (power > -5 && power < Math.max(digits, 7))) {
    return [sign + fixed(size, Math.max(digits - 1 - power, 0)), null, exact];
  }
  return [sign + mantissa, power, exact];
}

// What Python's str gives for a number of that dtype.
function exactly(x, dtype) {
  if (dtype === "bool") return x ? "True" : "False";
  if (/^u?int/.test(dtype) && Number.isInteger(x)) return String(x);
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return Object.is(x, -0) ? "-0.0" : "0.0";
  let said = x.toExponential();
  if (dtype === "float32") {
    let digits = 1;
    while (digits < 9 && Math.fround(Number(x.toPrecision(digits))) !== x) digits++;
    said = x.toExponential(digits - 1);
  }
  const { sign, digits, power } = taken(said);
  if (power >= -4 && power < 16) {
    const text = withPoint(digits, power);
    return sign + (text.includes(".") ? text : `${text}.0`);
  }
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${sign}${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
