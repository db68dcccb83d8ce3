// The page: reads its story, lays out panels, and keeps them at one time.

class Page {
  constructor(story) {
    this.story = story;
    this.clock = new Clock(story.clock, story.seconds);
    this.views = [];
    this.panels = [];
    this.selected = null; // { run, number }
    this.brushed = null; // { run, numbers }
    this.cost = 0; // milliseconds of a picture, averaged
  }

  async start() {
    this.runs = await Promise.all(this.story.runs.map(unpackedRun));
    if (document.documentElement.classList.contains("live")) this.live = new Live(this);
    if (this.runs.length === 0) {
      document.getElementById("title").textContent = "waiting for the first frame …";
      return;
    }
    document.getElementById("title").textContent = this.runs.map((run) => run.label).join(", ");
    document.getElementById("now").textContent = this.runs.length > 1 ? "" : about(this.runs[0]);
    if (!this.live) document.getElementById("status").textContent = endings(this.runs);
    else if (this.runs.some((run) => run.status === "running")) this.clock.place = 1;
    this.layOut();
    this.laidOut = true;
    bindControls(this);
    this.last = performance.now();
    new ResizeObserver(() => this.change()).observe(document.getElementById("main"));
    this.change();
  }

  layOut() {
    const place = document.getElementById("clouds");
    const several = this.runs.length > 1;
    document.body.classList.add(several ? "several" : "one");
    if (!this.runs.some((run) => run.function)) document.body.classList.add("bare");
    for (const run of this.runs) this.views.push(new CloudView(place, run, this));
    const functions = document.getElementById("functions");
    this.runs.forEach((run, number) => {
      if (run.function) this.panels.push(new FunctionPanel(functions, run, number, several));
    });
    this.panels.push(new RiskPanel(document.getElementById("risk"), this));
    this.panels.push(new Inspector(document.getElementById("inspector"), this));
    this.showNotes();
  }

  showNotes() {
    const several = this.runs.length > 1;
    const notes = this.runs.flatMap((run) => run.notes.map((note) => (several ? `${run.label}: ${note}` : note)));
    document.getElementById("notes").replaceChildren(...notes.map((text) => make("li", { text })));
  }

  /** Take newer frames of the same runs; who looks at the end goes on looking at it. */
  async take(story) {
    const runs = await Promise.all(story.runs.map(unpackedRun));
    const atEnd = this.clock.place >= 1 && !this.clock.playing;
    const newer = (chosen) => chosen && { ...chosen, run: runs[this.runs.indexOf(chosen.run)] };
    this.selected = newer(this.selected);
    this.brushed = newer(this.brushed);
    this.clock.update(story.clock);
    if (atEnd) this.clock.place = 1;
    this.runs = runs;
    for (const [i, view] of this.views.entries()) view.take(runs[i], this.brushed);
    for (const panel of this.panels) panel.take(runs);
    this.showNotes();
    this.change();
  }

  /** Draw a picture soon. */
  change() {
    if (this.waiting || !this.laidOut) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      const passed = Math.min((now - this.last) / 1000, 0.1);
      this.last = now;
      if (this.clock.playing) this.clock.pass(passed);
      this.draw();
      if (this.clock.playing) this.change();
    });
  }

  draw() {
    const begun = performance.now();
    const colours = inks();
    const { time } = this.clock;
    for (const run of this.runs) run.moment = momentIn(run.times, time);
    for (const view of this.views) view.draw(colours);
    for (const panel of this.panels) panel.draw(colours);
    showControls(this);
    this.cost += 0.1 * (performance.now() - begun - this.cost);
  }

  play() {
    this.clock.toggle();
    this.last = performance.now();
    this.change();
  }

  go(time) {
    this.clock.time = time;
    this.change();
  }

  /** Go some saved frames on, of the run with the most frames. */
  step(frames) {
    this.clock.playing = false;
    const { times } = this.runs.reduce((a, b) => (b.times.length > a.times.length ? b : a));
    const { time } = this.clock;
    const slack = 1e-9 * (times[times.length - 1] || 1);
    const found = frames > 0
      ? times.find((each) => each > time + slack)
      : times.findLast((each) => each < time - slack);
    if (found !== undefined) this.go(found);
    else this.change();
  }

  choose(run, number) {
    this.selected = number === null ? null : { run, number };
    this.change();
  }

  /** Choose the next neuron, for those who use keys. */
  neighbour(step) {
    const run = this.selected ? this.selected.run : this.runs[0];
    const number = this.selected ? this.selected.number + step : step > 0 ? 0 : run.shown - 1;
    this.choose(run, (number + run.shown) % run.shown);
  }

  /** Forget what was chosen. */
  forget() {
    this.brush(null, null);
    this.choose(null, null);
  }

  brush(run, numbers) {
    this.brushed = numbers && numbers.length ? { run, numbers } : null;
    if (this.brushed) this.selected = null;
    for (const view of this.views) view.mark(this.brushed);
    this.change();
  }
}

/** A run in a few words. */
function about(run) {
  const unit = run.atoms ? "cells" : "neurons";
  return `${run.particles.toLocaleString("en")} ${unit}, solver ${run.solver}`;
}

/** How runs ended that did not come to their end. */
function endings(runs) {
  const ended = runs.filter((run) => run.status !== "complete");
  return ended.map((run) => `${runs.length > 1 ? `${run.label}: ` : ""}${run.status}, ${run.reason || "with what frames there are"}`).join(" · ");
}

/** A run with its arrays unpacked. */
async function unpackedRun(told) {
  const { cloud } = told;
  const open = async (packed) => (packed ? Packed.of(packed) : null);
  const [coordinates, shades, diameter] = await Promise.all(
    [cloud.coordinates, cloud.colour.shades, cloud.diameter].map(open),
  );
  const run = { ...told, cloud: { ...cloud, coordinates, shades, diameter } };
  run.function = told.function && (await Learned.of(told.function));
  run.neurons = await Neurons.of(told.neurons, run);
  return run;
}

const story = JSON.parse(document.getElementById("story").textContent);
const page = new Page(story);
page.Activation = Activation;
window.meanfield = page; // for scripts of readers, and for tests
page.ready = page.start();
