// The common clock of all runs: a place between 0 and 1 on the slider, and the time there.

const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4, 8];

/** Linear interpolation of `values` over increasing `places`. */
function interpolated(place, places, values) {
  const moment = momentIn(places, place);
  const before = values[moment.before];
  return before + (values[moment.after] - before) * moment.share;
}

class Clock {
  constructor(told, seconds) {
    this.seconds = seconds;
    this.place = 0;
    this.speed = 1;
    this.playing = false;
    this.kind = "pace";
    this.update(told);
  }

  /** Take the times of more frames; the time that is shown stays. */
  update(told) {
    const shown = this.times ? this.time : null;
    this.times = told.times;
    this.paces = told.pace;
    this.start = told.times[0];
    this.end = told.times[told.times.length - 1];
    const positive = told.times.find((time) => time > this.start);
    this.unit = positive === undefined ? 1 : positive - this.start; // of the logarithm
    if (shown !== null) this.time = shown;
  }

  get time() {
    const span = this.end - this.start;
    if (this.kind === "linear") return this.start + span * this.place;
    if (this.kind === "log") {
      return this.start + this.unit * ((1 + span / this.unit) ** this.place - 1);
    }
    return interpolated(this.place, this.paces, this.times);
  }

  set time(time) {
    const span = this.end - this.start || 1;
    const passed = Math.min(Math.max(time, this.start), this.end) - this.start;
    if (this.kind === "linear") this.place = passed / span;
    else if (this.kind === "log") {
      this.place = Math.log1p(passed / this.unit) / Math.log1p(span / this.unit);
    } else this.place = interpolated(this.start + passed, this.times, this.paces);
  }

  /** Another scale of the slider, at the same time. */
  use(kind) {
    const shown = this.time;
    this.kind = kind;
    this.time = shown;
  }

  toggle() {
    if (!this.playing && this.place >= 1) this.place = 0;
    this.playing = !this.playing;
  }

  /** Go on by seconds of the wall; it stops at the end. */
  pass(seconds) {
    this.place = Math.min(this.place + (seconds * this.speed) / this.seconds, 1);
    if (this.place >= 1) this.playing = false;
  }

  faster(steps) {
    const index = Math.min(Math.max(SPEEDS.indexOf(this.speed) + steps, 0), SPEEDS.length - 1);
    this.speed = SPEEDS[index];
  }
}
