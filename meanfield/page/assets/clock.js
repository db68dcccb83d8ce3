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
    this.place = this.placeOf(time);
  }

  /** Where a time is on the slider. */
  placeOf(time) {
    const span = this.end - this.start || 1;
    const passed = Math.min(Math.max(time, this.start), this.end) - this.start;
    if (this.kind === "linear") return passed / span;
    if (this.kind === "log") return Math.log1p(passed / this.unit) / Math.log1p(span / this.unit);
    return interpolated(this.start + passed, this.times, this.paces);
  }

  /** Round times with their places, as many as fit without touching. */
  ticks(count) {
    const found = [];
    const least = 0.7 / Math.max(count, 1);
    const candidates = [...ticks(this.start, this.end, 4)];
    for (let step = (this.end - this.start) / 4; step > this.unit / 2; step /= 3) {
      candidates.push(...ticks(this.start, this.start + step, 3));
    }
    for (const time of candidates) {
      const place = this.placeOf(time);
      if (found.every(([other]) => Math.abs(other - place) >= least)) found.push([place, told(time)]);
    }
    return found;
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
