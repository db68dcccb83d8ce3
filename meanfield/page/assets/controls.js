// Buttons, slider and keys.

const element = (name) => document.getElementById(name);

function bindControls(page) {
  const { clock } = page;
  element("play").addEventListener("click", () => page.play());
  element("scrub").addEventListener("input", (event) => {
    clock.playing = false;
    clock.place = Number(event.target.value);
    page.change();
  });
  for (const speed of SPEEDS) {
    element("speed").append(make("option", { value: speed, text: `${told(speed)} ×` }));
  }
  element("speed").addEventListener("change", (event) => {
    clock.speed = Number(event.target.value);
    page.change();
  });
  element("clock").addEventListener("change", (event) => {
    clock.use(event.target.value);
    page.change();
  });
  document.addEventListener("keydown", (event) => pressed(page, event));
}

function pressed(page, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.tagName;
  const typing = inside === "SELECT" || (inside === "BUTTON" && event.key === " ");
  const action = typing ? null : {
    " ": () => page.play(),
    ArrowRight: () => page.step(1),
    ArrowLeft: () => page.step(-1),
    Home: () => page.go(page.clock.start),
    End: () => page.go(page.clock.end),
    "+": () => page.clock.faster(1),
    "=": () => page.clock.faster(1),
    "-": () => page.clock.faster(-1),
    ArrowDown: () => page.neighbour(1),
    ArrowUp: () => page.neighbour(-1),
    Escape: () => page.forget(),
  }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
  page.change();
}

function showControls(page) {
  const { clock } = page;
  const text = timeText(clock.time, clock.end);
  const play = element("play");
  play.textContent = clock.playing ? "❚❚" : "▶";
  play.setAttribute("aria-label", clock.playing ? "pause" : "play");
  element("scrub").value = clock.place;
  element("scrub").setAttribute("aria-valuetext", text);
  element("time").textContent = text;
  element("speed").value = clock.speed;
  element("clock").value = clock.kind;
}
