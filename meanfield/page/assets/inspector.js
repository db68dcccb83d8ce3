// What a chosen neuron computes, and what the neurons of a region contribute.

const HINT = "Click a neuron to see what it computes and where it goes; brush a region to see what its neurons contribute.";

class Inspector {
  constructor(place, page) {
    this.page = page;
    this.title = make("h2", { text: "neuron" });
    this.facts = make("p", { class: "facts", text: HINT });
    this.weights = make("canvas", { class: "plot weights", role: "img", "aria-label": "weights" });
    this.function = make("canvas", { class: "plot", role: "img", "aria-label": "what it computes" });
    this.note = make("span", { class: "note" });
    this.clear = make("button", { type: "button", text: "×", "aria-label": "forget the choice", title: "Escape" });
    this.clear.addEventListener("click", () => page.forget());
    place.append(make("div", { class: "head" }, this.title, this.note, this.clear), this.facts,
      make("div", { class: "pair" }, this.weights, this.function));
  }

  draw(ink) {
    const { selected, brushed } = this.page;
    this.clear.hidden = !selected && !brushed;
    this.note.textContent = "";
    if (selected) this.drawNeuron(selected, ink);
    else if (brushed) this.drawRegion(brushed, ink);
    else this.show("neuron", HINT, false, false);
  }

  take() {
    this.last = null;
  }

  show(title, facts, weights, outputs) {
    this.title.textContent = title;
    this.facts.textContent = facts;
    this.weights.hidden = !weights;
    this.function.hidden = !outputs;
  }

  drawNeuron({ run, number }, ink) {
    const { neurons } = run;
    const { time } = this.page.clock;
    const theta = neurons.theta(number, time);
    const mass = run.cloud.diameter ? `, ${told(neurons.mass(number) * run.shown)} of the mean mass` : "";
    const title = `neuron ${number + 1} of ${run.shown}${this.page.runs.length > 1 ? `, ${run.label}` : ""}`;
    if (theta === null) {
      this.show(title, "The page holds no parameters of this neuron; try another one.", false, false);
      return;
    }
    const few = theta.length <= 6;
    const values = few ? neurons.names.map((name, i) => `${name} = ${told(theta[i])}`).join(", ") : summary(neurons, theta);
    const outputs = neurons.evaluates && run.function;
    this.show(title, values + mass, !few, outputs);
    if (!few) drawWeights(this.weights, neurons, theta, ink);
    if (!outputs) return;
    const single = neurons.single(number, time, run.function.points);
    const how = { label: "Φ(x; θ)" };
    this.note.textContent = drawOutputs(this.function, run.function, single, ink, how) || "";
  }

  drawRegion({ run, numbers }, ink) {
    const { neurons } = run;
    const { time } = this.page.clock;
    const { sums, total, known } = this.sums(run, numbers, time);
    const title = `${numbers.length.toLocaleString("en")} neurons, ${told(100 * total)} % of the mass`;
    const outputs = Boolean(neurons.evaluates && run.function && known);
    const facts = outputs
      ? "What they contribute to the network's output" + (run.function.kind === "curve" ? " (full), and all of it (dashed)." : ".")
      : "The page holds no parameters of them.";
    const mean = known && neurons.names.length > 6;
    this.show(title, facts, mean, outputs);
    if (mean) drawWeights(this.weights, neurons, this.mean(neurons, numbers, time), ink);
    if (!outputs) return;
    const how = { label: "contribution to f", faint: run.function.at(run.moment) };
    this.note.textContent = drawOutputs(this.function, run.function, sums, ink, how) || "";
  }

  /** Contribution of a region, computed anew only when something changed. */
  sums(run, numbers, time) {
    const { neurons } = run;
    if (this.last && this.last.numbers === numbers && this.last.time === time) return this.last.found;
    const points = neurons.evaluates && run.function ? run.function.points : [];
    const found = neurons.contribution(numbers, time, points);
    this.last = { numbers, time, found };
    return found;
  }

  /** Mean parameters of a region. */
  mean(neurons, numbers, time) {
    const sum = new Float64Array(neurons.names.length);
    let count = 0;
    for (const number of numbers) {
      const theta = neurons.theta(number, time);
      if (theta === null) continue;
      theta.forEach((each, i) => { sum[i] += each; });
      count += 1;
    }
    return [...sum].map((each) => each / count);
  }
}

/** Many parameters in words. */
function summary(neurons, theta) {
  const norm = (values) => told(Math.hypot(...values));
  const { outer, inputs } = neurons;
  const parts = [`|w| = ${norm(theta.slice(outer, outer + inputs))}`];
  if (outer === 1) parts.unshift(`a = ${told(theta[0])}`);
  else if (outer > 1) {
    const sizes = theta.slice(0, outer).map(Math.abs);
    parts.unshift(`|a| = ${norm(theta.slice(0, outer))}, most for output ${sizes.indexOf(Math.max(...sizes))}`);
  }
  if (neurons.bias) parts.push(`b = ${told(theta[outer + inputs])}`);
  return parts.join(", ");
}

/** Inner weights as an image if their number is a square, else as bars; outer ones as bars. */
function drawWeights(canvas, neurons, theta, ink) {
  const { context, width, height } = wiped(canvas);
  const { outer, inputs } = neurons;
  const inner = theta.slice(outer, outer + inputs);
  const bars = outer > 1 ? 56 : 0;
  const side = Math.round(Math.sqrt(inputs));
  const scale = Math.max(...inner.map(Math.abs));
  if (side * side === inputs && inputs >= 16) {
    const size = Math.min(width - 8, height - bars - 34);
    const box = { left: (width - size) / 2, top: 4, width: size, height: size };
    plotImage(context, box, side, side, (i) => signedColour(inner[i], scale));
    context.fillStyle = ink.quiet;
    context.textAlign = "center";
    context.fillText(`w, colours: ±${told(scale, 2)}`, width / 2, size + 20);
  } else drawBars(context, { left: 4, top: 4, width: width - 8, height: height - bars - 28 }, inner, "w", ink);
  if (bars) {
    drawBars(context, { left: 4, top: height - bars, width: width - 8, height: bars - 14 }, theta.slice(0, outer), "a", ink);
  }
}

function drawBars(context, box, values, name, ink) {
  const scale = Math.max(...values.map(Math.abs)) || 1;
  const middle = box.top + box.height / 2;
  const step = box.width / values.length;
  values.forEach((value, i) => {
    const tall = (value / scale) * (box.height / 2);
    context.fillStyle = value < 0 ? ink.blue : ink.orange;
    context.fillRect(box.left + i * step + 0.1 * step, Math.min(middle, middle - tall), 0.8 * step, Math.abs(tall));
  });
  context.strokeStyle = ink.quiet;
  context.lineWidth = 1;
  context.beginPath();
  segment(context, box.left, middle, box.left + box.width, middle);
  context.stroke();
  context.fillStyle = ink.quiet;
  context.textAlign = "center";
  context.fillText(`${name}₀ … ${name}: ±${told(scale, 2)}`.replace(`${name}₀ … `, ""), box.left + box.width / 2, box.top + box.height + 13);
}
