// One cloud with its title, buttons and key.

class CloudView {
  constructor(place, run, page) {
    Object.assign(this, { run, page });
    const several = page.runs.length > 1;
    this.ground = make("canvas", { "aria-hidden": "true" });
    this.picture = make("canvas", { class: "picture", "aria-hidden": "true" });
    this.overlay = make("canvas", {
      class: "overlay", role: "img", tabindex: "0",
      "aria-label": `cloud of ${run.shown} neurons; click one, or drag to look around`,
    });
    this.buttons = make("div", { class: "buttons" });
    const title = make("h2", { text: several ? run.label : "neurons" });
    this.root = make("figure", { class: "panel cloud" },
      make("div", { class: "head" }, title, this.buttons),
      make("div", { class: "stack" }, this.ground, this.picture, this.overlay),
      colourKey(run.cloud.colour));
    place.append(this.root);
    this.camera = new Camera(run.cloud);
    this.frame = new Frame(this.overlay, run, this.camera, {
      pick: (number) => page.choose(run, number),
      brush: (numbers) => page.brush(run, numbers),
      changed: () => page.change(),
    });
    this.cloud = new Cloud(this.picture, run);
    if (run.cloud.spaceLabels.length) {
      this.toggle("3-D", "turn in space", (on) => {
        this.camera.deep = on;
        this.overlay.classList.toggle("deep", on);
      });
    }
    this.toggle("brush", "select neurons by dragging", (on) => {
      this.frame.brushing = on;
      this.overlay.classList.toggle("brushing", on);
      if (!on) page.brush(run, null);
    });
  }

  toggle(text, label, act) {
    const button = make("button", { type: "button", text, "aria-label": label, "aria-pressed": "false" });
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      act(on);
      this.page.change();
    });
    this.buttons.append(button);
  }

  /** Take newer frames; the eye stays where it is. */
  take(run, brushed) {
    this.run = run;
    this.frame.run = run;
    this.camera.cloud = run.cloud;
    this.cloud.free();
    this.cloud.run = run;
    this.cloud.load();
    this.mark(brushed);
  }

  mark(brushed) {
    this.cloud.choose(brushed && brushed.run === this.run ? brushed.numbers : null);
  }

  draw(colours) {
    const { selected } = this.page;
    const number = selected && selected.run === this.run ? selected.number : null;
    this.frame.draw(this.ground, number, colours);
    this.cloud.draw(this.run.moment, this.camera, rgb(colours.panel).map((each) => each / 255));
  }
}

/** What colours mean: a bar for signed ones, names for classes. */
function colourKey(colour) {
  const key = make("figcaption", { class: "key" });
  if (colour.kind === "signed") {
    const bar = make("canvas", { class: "bar", width: "256", height: "1", "aria-hidden": "true" });
    const context = bar.getContext("2d");
    colour.palette.forEach((each, i) => {
      context.fillStyle = each;
      context.fillRect(i, 0, 1, 1);
    });
    const [low, high] = [-colour.scale, colour.scale].map((each) => told(each, 2));
    key.append(make("span", { text: colour.label }), make("span", { text: low }), bar, make("span", { text: high }));
  }
  if (colour.kind === "classes") {
    key.append(make("span", { text: colour.label }));
    colour.names.forEach((name, i) => {
      const dot = make("i");
      dot.style.background = colour.palette[i];
      key.append(make("span", {}, dot, name));
    });
  }
  return key;
}
