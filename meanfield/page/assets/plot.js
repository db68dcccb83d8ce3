// Axes, lines and images on a canvas, in a few functions.

const GAP = { left: 52, right: 12, top: 12, bottom: 40 };

/** The inner box of a plot. */
function inside(width, height, gap = GAP) {
  return {
    left: gap.left, top: gap.top,
    width: Math.max(width - gap.left - gap.right, 10),
    height: Math.max(height - gap.top - gap.bottom, 10),
  };
}

/** Scale from values of an interval to pixels. */
function scaleOf([low, high], start, length) {
  const span = high - low || 1;
  return (value) => start + ((value - low) / span) * length;
}

function scales(box, xs, ys) {
  return [
    scaleOf(xs, box.left, box.width),
    scaleOf(ys, box.top + box.height, -box.height),
  ];
}

/** Axes with ticks; `names` has x, y, and zero for lines through 0, log for a logarithmic y. */
function plotAxes(context, box, xs, ys, colours, names = {}) {
  const [x, y] = scales(box, xs, ys);
  const bottom = box.top + box.height;
  context.lineWidth = 1;
  if (names.zero) {
    context.strokeStyle = colours.faint;
    context.beginPath();
    if (xs[0] < 0 && xs[1] > 0) segment(context, x(0), box.top, x(0), bottom);
    if (ys[0] < 0 && ys[1] > 0) segment(context, box.left, y(0), box.left + box.width, y(0));
    context.stroke();
  }
  context.strokeStyle = colours.quiet;
  context.beginPath();
  segment(context, box.left, box.top, box.left, bottom);
  segment(context, box.left, bottom, box.left + box.width, bottom);
  const across = names.xTicks || ticks(...xs, Math.max(box.width / 80, 3)).map((value) => [value, told(value)]);
  const up = names.log
    ? powers(ys).map((power) => [power, `10${raised(power)}`])
    : names.yTicks || ticks(...ys, Math.max(box.height / 45, 3)).map((value) => [value, told(value)]);
  context.fillStyle = colours.quiet;
  context.textAlign = "center";
  for (const [value, text] of across) {
    segment(context, x(value), bottom, x(value), bottom + 4);
    context.fillText(text, x(value), bottom + 16);
  }
  context.textAlign = "right";
  for (const [value, text] of up) {
    segment(context, box.left - 4, y(value), box.left, y(value));
    context.fillText(text, box.left - 7, y(value) + 4);
  }
  context.stroke();
  context.fillStyle = colours.ink;
  context.textAlign = "center";
  if (names.x) context.fillText(names.x, box.left + box.width / 2, bottom + 34, box.width);
  if (names.y) {
    context.save();
    context.translate(box.left - 42, box.top + box.height / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(names.y, 0, 0, box.height + 20);
    context.restore();
  }
  return [x, y];
}

function segment(context, x0, y0, x1, y1) {
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
}

/** Whole powers of ten in an interval of logarithms, at most six of them. */
function powers([low, high]) {
  const step = Math.max(Math.ceil((high - low) / 6), 1);
  const found = [];
  for (let power = Math.ceil(low); power <= high; power += step) found.push(power);
  return found;
}

function raised(power) {
  return [...String(power)].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)] || "⁻").join("");
}

/** A line through points; gaps where a value is null. */
function plotLine(context, xs, ys, colour, width = 2, dash = []) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.setLineDash(dash);
  context.beginPath();
  let open = false;
  xs.forEach((x, i) => {
    if (ys[i] === null || !Number.isFinite(ys[i])) open = false;
    else if (open) context.lineTo(x, ys[i]);
    else {
      context.moveTo(x, ys[i]);
      open = true;
    }
  });
  context.stroke();
  context.setLineDash([]);
}

function dot(context, x, y, radius, colour, rim = null) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  if (rim) {
    context.strokeStyle = rim;
    context.lineWidth = 1;
    context.stroke();
  }
}

/** Draw only within a box. */
function clipped(context, box, draw) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  draw();
  context.restore();
}

/** An image of width by height colours [r, g, b], rows from top to bottom, in a box. */
function plotImage(context, box, width, height, colourOf, smooth = false) {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    const [r, g, b] = colourOf(i);
    image.data.set([r, g, b, 255], 4 * i);
  }
  const small = make("canvas");
  small.width = width;
  small.height = height;
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, box.left, box.top, box.width, box.height);
}

/** Colour of a signed quantity: blue below zero, pale at zero, orange above. */
function signedColour(value, scale) {
  const place = (Math.min(Math.max(value / (scale || 1), -1), 1) + 1) * 3;
  const index = Math.min(Math.floor(place), 5);
  const [from, to] = [DIVERGING[index], DIVERGING[index + 1]];
  return from.map((each, channel) => each + (to[channel] - each) * (place - index));
}
