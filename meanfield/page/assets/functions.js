// Pictures of outputs at the points of a run: the network's, a neuron's, or a region's.

const CLASS_COLOURS = [
  "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
  "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
];

/** What the page knows of the learned function of a run. */
class Learned {
  static async of(told) {
    const learned = Object.assign(new Learned(), told);
    const [points, values] = await Promise.all([told.points, told.values].map(Packed.of));
    learned.values = values;
    const still = { before: 0, after: 0, share: 0 };
    learned.points = Array.from({ length: points.count }, (_, j) =>
      points.columns.map((_, column) => points.value(column, j, still)));
    learned.linked = learned.loss === "logistic" || learned.loss === "cross_entropy";
    return learned;
  }

  /** Outputs f(x; μ) at all points, one after another. */
  at(moment) {
    const found = new Float64Array(this.points.length * this.outputs);
    for (let j = 0; j < this.points.length; j += 1) {
      for (let c = 0; c < this.outputs; c += 1) {
        found[j * this.outputs + c] = this.values.value(c, j, moment);
      }
    }
    return found;
  }

  /** Class probabilities for labels, outputs otherwise. */
  link(outputs) {
    if (this.loss === "logistic") return outputs.map((each) => 1 / (1 + Math.exp(-each)));
    if (this.loss !== "cross_entropy") return outputs;
    const found = new Float64Array(outputs.length);
    for (let j = 0; j < outputs.length; j += this.outputs) {
      const row = outputs.subarray(j, j + this.outputs);
      const top = Math.max(...row);
      const parts = row.map((each) => Math.exp(each - top));
      const sum = parts.reduce((a, b) => a + b, 0);
      parts.forEach((each, c) => { found[j + c] = each / sum; });
    }
    return found;
  }

  /** A target in the units of `link`. */
  height(target, output) {
    if (this.loss === "logistic") return 0.5 + 0.5 * target[0];
    if (this.loss === "cross_entropy") return target[0] === output ? 1 : 0;
    return target[output];
  }

  colours(ink) {
    if (this.outputs === 1) return [ink.blue];
    return CLASS_COLOURS.slice(0, this.outputs);
  }

  /** Interval that holds the function at all times and the data, unless it runs far away. */
  get span() {
    if (this.linked) return [-0.04, 1.04];
    const heights = this.data.targets.flat();
    const [low, high] = [Math.min(...heights), Math.max(...heights)];
    const room = high - low || 1;
    const least = Math.max(Math.min(low, ...this.values.low), low - 0.8 * room);
    const most = Math.min(Math.max(high, ...this.values.high), high + 0.8 * room);
    return [least - 0.07 * room, most + 0.07 * room];
  }
}

/** Draw outputs; `how` has linked (probabilities), faint (other outputs) and label. */
function drawOutputs(canvas, learned, outputs, ink, how = {}) {
  const { context, width, height } = wiped(canvas);
  const draw = { curve: drawCurve, map: drawMap, matrix: drawMatrix, margins: drawMargins, scatter: drawScatter };
  return draw[learned.kind](context, width, height, learned, outputs, ink, how);
}

/** Interval of numbers with some room. */
function spanOf(values, symmetric = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (symmetric) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const room = 0.07 * (high - low) || 0.5 * Math.abs(high) || 0.5;
  return [low - room, high + room];
}

function drawCurve(context, width, height, learned, outputs, ink, how) {
  const box = inside(width, height);
  const places = learned.points.map((point) => point[0]);
  const values = how.linked ? learned.link(outputs) : outputs;
  const span = how.linked ? learned.span : spanOf([...values, ...(how.faint || [])]);
  const names = { x: "input x", y: how.label, zero: true };
  const [x, y] = plotAxes(context, box, [places[0], places[places.length - 1]], span, ink, names);
  const pixels = places.map(x);
  clipped(context, box, () => {
    if (how.linked) {
      learned.data.inputs.forEach((point, j) => {
        for (let c = 0; c < learned.outputs; c += 1) {
          dot(context, x(point[0]), y(learned.height(learned.data.targets[j], c)), 2.2, ink.quiet);
        }
      });
    }
    learned.colours(ink).forEach((colour, c) => {
      const column = (from) => pixels.map((_, j) => y(from[j * learned.outputs + c]));
      if (how.faint) plotLine(context, pixels, column(how.faint), ink.quiet, 1.2, [5, 3]);
      const shade = learned.outputs === 1 && how.faint ? ink.orange : colour;
      plotLine(context, pixels, column(values), shade, 2.4);
    });
  });
}

function drawMap(context, width, height, learned, outputs, ink, how) {
  const box = inside(width, height, { left: 52, right: 12, top: 10, bottom: 38 });
  const { points, side } = learned;
  const [first, last] = [points[0], points[points.length - 1]];
  const shape = (last[0] - first[0]) / (last[1] - first[1]);
  const wide = Math.min(box.width, box.height * shape);
  const centred = {
    left: box.left + (box.width - wide) / 2, top: box.top, width: wide, height: wide / shape,
  };
  const values = how.linked ? learned.link(outputs) : outputs;
  const targets = learned.data.targets;
  const scale = how.linked ? mapScale(learned) : Math.max(...values.map(Math.abs)) || 1;
  const colourOf = (i) => {
    const j = (side - 1 - Math.floor(i / side)) * side + (i % side);
    const colour = outputColour(learned, values.subarray(j * learned.outputs, (j + 1) * learned.outputs), scale, how);
    return colour.map((each) => 0.4 * 255 + 0.6 * each);
  };
  plotImage(context, centred, side, side, colourOf, true);
  const names = { x: "input x₀", y: "input x₁" };
  const [x, y] = plotAxes(context, centred, [first[0], last[0]], [first[1], last[1]], ink, names);
  if (!how.linked) return `colours: ${told(-scale, 2)} to ${told(scale, 2)}`;
  clipped(context, centred, () => learned.data.inputs.forEach((point, j) => {
    const target = targets[j];
    const colour = learned.loss === "cross_entropy"
      ? rgb(CLASS_COLOURS[target[0]] || "#888888")
      : signedColour(learned.loss === "logistic" ? target[0] : target[0] / scale, 1.1);
    dot(context, x(point[0]), y(point[1]), 3, `rgb(${colour})`, "#ffffff");
  }));
  return "";
}

function mapScale(learned) {
  const sizes = learned.data.targets.map((each) => Math.abs(each[0])).sort((a, b) => a - b);
  return sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
}

/** Colour of outputs at a point: a blend of classes, or the sign and size of the first one. */
function outputColour(learned, values, scale, how) {
  if (how.linked && learned.loss === "cross_entropy" && learned.outputs > 1) {
    const mixed = [0, 0, 0];
    values.forEach((share, c) => rgb(CLASS_COLOURS[c]).forEach((each, i) => { mixed[i] += share * each; }));
    return mixed;
  }
  const signed = how.linked && learned.loss === "logistic" ? 2 * values[0] - 1 : values[0] / scale;
  return signedColour(signed, 1.1);
}

/** By true class: shares of predicted classes (linked), or mean outputs. */
function drawMatrix(context, width, height, learned, outputs, ink, how) {
  const k = learned.outputs;
  const cells = new Float64Array(k * k);
  const counts = new Float64Array(k);
  let right = 0;
  learned.targets.forEach(([label], j) => {
    const row = outputs.subarray(j * k, (j + 1) * k);
    counts[label] += 1;
    if (how.linked) {
      const best = row.indexOf(Math.max(...row));
      cells[label * k + best] += 1;
      right += best === label;
    } else row.forEach((each, c) => { cells[label * k + c] += each; });
  });
  const shares = cells.map((each, i) => each / (counts[Math.floor(i / k)] || 1));
  const scale = how.linked ? 1 : Math.max(...shares.map(Math.abs)) || 1;
  const space = inside(width, height, { left: 48, right: 8, top: 6, bottom: 38 });
  const size = Math.min(space.width, space.height);
  const box = { left: space.left + (space.width - size) / 2, top: space.top, width: size, height: size };
  const deep = rgb(ink.blue);
  const base = rgb(ink.panel);
  plotImage(context, box, k, k, (i) => (how.linked
    ? base.map((each, c) => each + (deep[c] - each) * Math.sqrt(shares[i]))
    : signedColour(shares[i], scale)));
  const labels = Array.from({ length: k }, (_, c) => [c, String(c)]);
  plotAxes(context, box, [-0.5, k - 0.5], [-0.5, k - 0.5], ink, {
    x: how.linked ? "predicted class" : "output", y: "true class", xTicks: labels,
    yTicks: labels.map(([c, text]) => [k - 1 - c, text]),
  });
  return how.linked
    ? `${told((100 * right) / learned.targets.length)} % of the data right`
    : `mean outputs, colours: ${told(-scale, 2)} to ${told(scale, 2)}`;
}

/** How outputs are spread over the points of either label. */
function drawMargins(context, width, height, learned, outputs, ink, how) {
  const box = inside(width, height);
  const { low, high } = learned.values;
  const span = how.linked ? spanOf([low[0], high[0], -1, 1]) : spanOf(outputs);
  const bins = 50;
  const laws = [-1, 1].map((label) => smoothed(
    [...outputs].filter((_, j) => learned.targets[j][0] === label), span, bins,
  ));
  const top = Math.max(...laws.flat(), 1e-12);
  const names = { x: how.label || "output f(x; μ)", y: "share of points", yTicks: [] };
  const [x, y] = plotAxes(context, box, span, [0, 1.1 * top], ink, names);
  const places = laws[0].map((_, i) => x(span[0] + ((span[1] - span[0]) * (i + 0.5)) / bins));
  laws.forEach((law, i) => plotLine(context, places, law.map(y), [ink.blue, ink.orange][i], 2.2));
  ["y = −1", "y = +1"].forEach((text, i) => {
    context.fillStyle = [ink.blue, ink.orange][i];
    context.textAlign = i ? "right" : "left";
    context.fillText(text, i ? box.left + box.width - 4 : box.left + 8, box.top + 12);
  });
}

/** Histogram, smoothed over neighbouring cells. */
function smoothed(values, [low, high], bins) {
  let counts = new Array(bins).fill(0);
  for (const value of values) {
    const bin = Math.floor(((value - low) / (high - low)) * bins);
    if (bin >= 0 && bin < bins) counts[bin] += 1 / values.length;
  }
  for (let pass = 0; pass < 4; pass += 1) {
    counts = counts.map((each, i) => 0.5 * each + 0.25 * ((counts[i - 1] || 0) + (counts[i + 1] || 0)));
  }
  return counts;
}

function drawScatter(context, width, height, learned, outputs, ink, how) {
  const box = inside(width, height);
  const targets = learned.targets.map((each) => each[0]);
  const { low, high } = learned.values;
  const xs = spanOf(targets);
  const room = xs[1] - xs[0];
  const ys = how.linked
    ? [Math.max(Math.min(low[0], xs[0]), xs[0] - room), Math.min(Math.max(high[0], xs[1]), xs[1] + room)]
    : spanOf(outputs);
  const names = { x: "target y", y: how.label, zero: true };
  const [x, y] = plotAxes(context, box, xs, ys, ink, names);
  clipped(context, box, () => {
    if (how.linked) plotLine(context, xs.map(x), xs.map(y), ink.quiet, 1, [4, 3]);
    targets.forEach((target, j) => {
      dot(context, x(target), y(outputs[j * learned.outputs]), 2.2, how.linked ? ink.blue : ink.orange);
    });
  });
}
