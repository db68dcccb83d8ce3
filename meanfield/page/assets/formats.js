// Numbers, colours and elements as people read them.

/** A number with few digits, and a true minus sign. */
function told(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const plain = size !== 0 && (size >= 1e5 || size < 1e-3)
    ? value.toExponential(Math.max(digits - 2, 0)).replace("e+", "e")
    : Number(value.toPrecision(digits)).toString();
  return plain.replace(/-/g, "−");
}

/** "t = 3.20", with as many decimals as a run until `end` needs. */
function timeText(time, end) {
  const decimals = end > 0 ? Math.min(Math.max(3 - Math.ceil(Math.log10(end)), 0), 8) : 2;
  return `t = ${time.toFixed(Math.max(decimals, end < 1000 ? 1 : 0))}`;
}

/** Round places for ticks in an interval, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= 0.7 * rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** Colours of the style sheet, which depend on the scheme of the reader. */
function inks() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "quiet", "faint", "paper", "panel", "blue", "orange"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function rgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

/** An element with attributes, text and children; text never becomes HTML. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** A canvas as large as its place, sharp on fine screens; its context draws in CSS pixels. */
function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(canvas.clientWidth, 1);
  const height = Math.max(canvas.clientHeight, 1);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  return { width, height, ratio };
}

/** Context of a fitted canvas, wiped. */
function wiped(canvas) {
  const { width, height, ratio } = fitted(canvas);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  return { context, width, height };
}

// Seven colours between which signed quantities are shaded: those of plotting/style.py.
const DIVERGING = ["#123e74", "#2f78bd", "#94b8d9", "#c9ccd2", "#efae88", "#e0692f", "#8f2d0c"].map(rgb);
