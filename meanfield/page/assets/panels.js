// The panels beside the clouds: the learned function, the risk, and chosen neurons.

const TITLES = {
  curve: "learned function", map: "learned function", matrix: "confusion of classes",
  margins: "outputs by class", scatter: "outputs against targets",
};

/** The learned function of one run. */
class FunctionPanel {
  constructor(place, run, number, several) {
    this.run = run;
    this.number = number;
    const title = TITLES[run.function.kind];
    this.note = make("span", { class: "note" });
    this.canvas = make("canvas", { class: "plot", role: "img", "aria-label": title });
    place.append(make("figure", { class: "panel" },
      make("div", { class: "head" },
        make("h2", { text: several ? `${run.label}: ${title}` : title }), this.note),
      this.canvas));
  }

  take(runs) {
    this.run = runs[this.number];
  }

  draw(ink) {
    const { run } = this;
    const label = { logistic: "probability of +1", cross_entropy: "class probability" }[run.function.loss];
    const outputs = run.function.at(run.moment);
    const how = { linked: true, label: label || "output f(x; μ)" };
    this.note.textContent = drawOutputs(this.canvas, run.function, outputs, ink, how) || "";
  }
}

// Blue and orange, which the style sheet fits to dark paper, and four that suit both.
const RUN_COLOURS = ["blue", "orange", "#7d8592", "#9a55cc", "#b9860a", "#a96b59"];
const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

/** Risk, and what else was recorded, of all runs over time; click it to go there. */
class RiskPanel {
  constructor(place, page) {
    this.page = page;
    this.canvas = make("canvas", { class: "plot low", role: "img", "aria-label": "risk over time" });
    this.key = make("div", { class: "key" });
    place.append(make("div", { class: "head" }, make("h2", { text: "risk" }), this.key), this.canvas);
    let held = false;
    const go = (event) => {
      if (!held || !this.box) return;
      const area = this.canvas.getBoundingClientRect();
      const { clock } = page;
      clock.playing = false;
      const share = (event.clientX - area.left - this.box.left) / this.box.width;
      clock.place = Math.min(Math.max(share, 0), 1);
      page.change();
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      held = true;
      this.canvas.setPointerCapture(event.pointerId);
      go(event);
    });
    this.canvas.addEventListener("pointermove", go);
    this.canvas.addEventListener("pointerup", () => { held = false; });
    this.load();
  }

  take() {
    this.load();
  }

  /** A colour of RUN_COLOURS. */
  colour(number) {
    const name = RUN_COLOURS[number % RUN_COLOURS.length];
    return inks()[name] || name;
  }

  /** Curves as lists of values, and the key to them. */
  load() {
    const { runs } = this.page;
    const several = runs.length > 1;
    const names = [...new Set(runs.flatMap((run) => Object.keys(run.curves.series)))]
      .filter((name) => name.endsWith("risk"));
    this.curves = runs.flatMap((run, i) => names
      .filter((name) => run.curves.series[name])
      .map((name) => ({
        run, name, times: run.curves.times, values: run.curves.series[name],
        label: several ? (names.length > 1 ? `${run.label}, ${name}` : run.label) : name,
        colour: this.colour(several ? i : names.indexOf(name)),
        dash: DASHES[names.indexOf(name) % 4],
      })));
    const all = this.curves.flatMap((curve) => curve.values).filter((each) => each !== null);
    const positive = all.filter((each) => each > 0);
    const [least, most] = [Math.min(...all), Math.max(...all)];
    this.log = positive.length === all.length && most > 20 * least;
    this.span = all.length ? spanOf(this.log ? all.map(Math.log10) : all) : [0, 1];
    if (!this.log && least >= 0) this.span[0] = Math.max(this.span[0], 0);
    this.key.replaceChildren(...this.curves.map((curve) => {
      const line = make("canvas", { class: "line", width: "40", height: "4", "aria-hidden": "true" });
      plotLine(line.getContext("2d"), [0, 40], [2, 2], curve.colour, 4, curve.dash);
      curve.text = make("b");
      return make("span", {}, line, `${curve.label} `, curve.text);
    }));
  }

  draw(ink) {
    const { context, width, height } = wiped(this.canvas);
    const { clock } = this.page;
    this.box = inside(width, height, { left: 52, right: 12, top: 8, bottom: 38 });
    const places = clock.ticks(this.box.width / 80);
    const [x, y] = plotAxes(context, this.box, [0, 1], this.span, ink, {
      x: "mean-field time t", log: this.log, xTicks: places,
    });
    const level = (value) => (value === null ? null : y(this.log ? Math.log10(value) : value));
    for (const curve of this.curves) {
      const pixels = curve.times.map((time) => x(clock.placeOf(time)));
      plotLine(context, pixels, curve.values.map(level), curve.colour, 2, curve.dash);
    }
    const now = x(clock.place);
    plotLine(context, [now, now], [this.box.top, this.box.top + this.box.height], ink.quiet, 1);
    for (const curve of this.curves) {
      const value = interpolated(clock.time, curve.times, curve.values);
      const place = x(clock.placeOf(Math.min(clock.time, curve.times[curve.times.length - 1])));
      const up = level(value);
      if (up !== null && Number.isFinite(up)) dot(context, place, up, 4, curve.colour, ink.panel);
      curve.text.textContent = told(value);
    }
  }
}
