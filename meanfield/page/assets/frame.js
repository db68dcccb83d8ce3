// What surrounds the cloud: axes, the path of a neuron, the brush; and the hand that moves it.

const NEAR = 14; // pixels within which a click finds a neuron

class Frame {
  /** `actions` has pick(number), brush(numbers) and changed(). */
  constructor(canvas, run, camera, actions) {
    Object.assign(this, { canvas, run, camera, actions });
    this.brushing = false;
    this.rectangle = null;
    this.pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.up(event, name === "pointerup"));
    }
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("dblclick", () => {
      camera.reset();
      actions.changed();
    });
  }

  place(event) {
    const area = this.canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    this.travelled = 0;
    if (this.brushing && this.pointers.size === 1) {
      this.rectangle = [...this.place(event), ...this.place(event)];
    }
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const [right, down] = [now[0] - before[0], now[1] - before[1]];
    this.travelled += Math.hypot(right, down);
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const gap = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      this.camera.scale(gap(now) / Math.max(gap(before), 1), ...middle);
      this.rectangle = null;
    } else if (this.rectangle) this.rectangle.splice(2, 2, ...now);
    else this.camera.drag(right, down);
    this.pointers.set(event.pointerId, now);
    this.actions.changed();
  }

  up(event, done) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { rectangle } = this;
    this.rectangle = null;
    if (done && this.travelled < 5) this.actions.pick(this.nearest(...this.place(event)));
    else if (done && rectangle) this.actions.brush(this.within(rectangle));
    this.actions.changed();
  }

  wheel(event) {
    event.preventDefault();
    this.camera.scale(Math.exp(-event.deltaY * 0.0015), ...this.place(event));
    this.actions.changed();
  }

  /** Place of one neuron on the canvas. */
  spot(number, moment = this.run.moment, matrix = this.camera.matrix()) {
    const { coordinates } = this.run.cloud;
    const shares = this.camera.columns.map((column) => coordinates.share(column, number, moment));
    return this.camera.project(shares, matrix);
  }

  /** Number of the neuron at a place, or null. */
  nearest(x, y) {
    const matrix = this.camera.matrix();
    let best = null;
    let least = NEAR;
    for (let number = 0; number < this.run.cloud.coordinates.count; number += 1) {
      const [px, py] = this.spot(number, this.run.moment, matrix);
      const away = Math.hypot(px - x, py - y);
      if (away <= least) [best, least] = [number, away];
    }
    return best;
  }

  /** Numbers of the neurons in a rectangle of the canvas. */
  within([x0, y0, x1, y1]) {
    const matrix = this.camera.matrix();
    const found = [];
    for (let number = 0; number < this.run.cloud.coordinates.count; number += 1) {
      const [x, y] = this.spot(number, this.run.moment, matrix);
      if ((x - x0) * (x - x1) <= 0 && (y - y0) * (y - y1) <= 0) found.push(number);
    }
    return found;
  }

  /** Draw what lies under the cloud on `ground`, and what lies over it. */
  draw(ground, selected, colours) {
    const { context, width, height } = wiped(this.canvas);
    const under = wiped(ground).context;
    this.camera.layout(width, height);
    if (this.camera.deep) this.cube(under, colours);
    else this.axes(under, context, colours);
    if (selected !== null) this.path(context, selected, colours);
    if (this.rectangle) {
      const [x0, y0, x1, y1] = this.rectangle;
      context.strokeStyle = colours.ink;
      context.setLineDash([4, 3]);
      context.strokeRect(x0, y0, x1 - x0, y1 - y0);
      context.setLineDash([]);
    }
  }

  axes(under, context, colours) {
    const { camera, run } = this;
    const { left, top, width, height } = camera.box;
    plotAxes(under, camera.box, camera.window(0), camera.window(1), colours, {
      x: run.cloud.labels[0], y: run.cloud.labels[1], zero: true,
    });
    const outside = run.cloud.outside && interpolatedAt(run.cloud.outside, run.moment);
    if (outside >= 0.03 && camera.zoom === 1) {
      context.fillStyle = colours.quiet;
      context.textAlign = "right";
      context.fillText(`${Math.round(100 * outside)} % outside`, left + width - 4, top + height - 6);
    }
  }

  /** Edges of the cube of the limits, and the names of its axes. */
  cube(context, colours) {
    const { camera, run } = this;
    const matrix = camera.matrix();
    const { low, high } = run.cloud.coordinates;
    const corner = (...ends) => camera.project(camera.columns.map((column, axis) => {
      const [least, most] = run.cloud.limits[column];
      const value = least + ends[axis] * (most - least);
      return (value - low[column]) / (high[column] - low[column]);
    }), matrix);
    const middle = corner(0.5, 0.5, 0.5);
    for (let axis = 0; axis < 3; axis += 1) {
      const edges = [0, 1].flatMap((first) => [0, 1].map((second) => [0, 1].map((end) => {
        const place = [first, second];
        place.splice(axis, 0, end);
        return corner(...place);
      })));
      context.strokeStyle = colours.faint;
      context.lineWidth = 1;
      context.beginPath();
      for (const [from, to] of edges) segment(context, ...from, ...to);
      context.stroke();
      this.nameEdge(context, axis, outermost(edges, axis), middle, colours);
    }
  }

  /** The name of an axis of the cube and its limits, outside of an edge. */
  nameEdge(context, axis, [from, to], middle, colours) {
    const { camera, run } = this;
    const [least, most] = run.cloud.limits[camera.columns[axis]];
    const centre = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    const away = Math.hypot(centre[0] - middle[0], centre[1] - middle[1]) || 1;
    const out = [0, 1].map((i) => (centre[i] - middle[i]) / away);
    const write = (text, [x, y], gap, colour) => {
      context.fillStyle = colour;
      context.textAlign = out[0] < -0.3 ? "right" : out[0] > 0.3 ? "left" : "center";
      const wide = context.measureText(text).width;
      const place = Math.min(Math.max(x + gap * out[0], 4), this.canvas.clientWidth - 4);
      const shift = context.textAlign === "right" ? Math.max(wide - place + 4, 0)
        : context.textAlign === "left" ? Math.min(this.canvas.clientWidth - place - wide - 4, 0) : 0;
      context.fillText(text, place + shift, y + gap * out[1] + 4);
    };
    write(run.cloud.spaceLabels[axis].replace(/^(direction \d).*$/, "$1"), centre, 14, colours.ink);
    const inward = (one, other) => one.map((each, i) => each + 0.06 * (other[i] - each));
    write(told(least, 2), inward(from, to), 8, colours.quiet);
    write(told(most, 2), inward(to, from), 8, colours.quiet);
  }

  /** The way of the chosen neuron: what it went is drawn full, what is to come faint. */
  path(context, selected, colours) {
    const { run, camera } = this;
    const matrix = camera.matrix();
    const frames = run.cloud.coordinates.frames;
    const spots = [];
    for (let frame = 0; frame < frames; frame += 1) {
      spots.push(this.spot(selected, { before: frame, after: frame, share: 0 }, matrix));
    }
    const now = this.spot(selected, run.moment, matrix);
    const { box } = camera;
    const longest = 0.6 * Math.max(box.width, box.height); // what is longer is a jump
    const line = (points, colour, thick) => {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.beginPath();
      points.forEach(([x, y], i) => {
        const jump = i > 0 && Math.hypot(x - points[i - 1][0], y - points[i - 1][1]) > longest;
        if (i === 0 || jump) context.moveTo(x, y);
        else context.lineTo(x, y);
      });
      context.stroke();
    };
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 10, box.width + 10, box.height + 10);
    context.clip();
    context.lineJoin = "round";
    const past = run.moment.before + (run.moment.share >= 1 ? 1 : 0);
    line([now, ...spots.slice(past + 1)], colours.quiet, 1.2);
    line([...spots.slice(0, past + 1), now], colours.paper, 5);
    line([...spots.slice(0, past + 1), now], colours.ink, 2);
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(...now, 9, 0, 2 * Math.PI);
    context.stroke();
    context.restore();
  }
}

/** Value of a list with one number a frame. */
function interpolatedAt(values, moment) {
  return values[moment.before] + (values[moment.after] - values[moment.before]) * moment.share;
}

/** Of four parallel edges of the cube, the one to write at: the lowest, or the leftmost upright. */
function outermost(edges, axis) {
  const middle = ([from, to], i) => (from[i] + to[i]) / 2;
  const rank = (edge) => (axis === 2 ? -middle(edge, 0) : middle(edge, 1));
  return edges.reduce((best, edge) => (rank(edge) > rank(best) ? edge : best));
}
