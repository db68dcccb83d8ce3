// What neurons compute: Φ(x; θ) = a σ(w·x + b), and sums of it.

/** The activation from its table, by cubic Hermite interpolation; see neurons.py. */
class Activation {
  static async of(table) {
    const activation = new Activation();
    [activation.nodes, activation.values, activation.slopes] = await Promise.all(
      [table.nodes, table.values, table.slopes].map(floats),
    );
    return activation;
  }

  at(z) {
    const { nodes, values, slopes } = this;
    let low = 0;
    let high = nodes.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (nodes[middle] < z) low = middle;
      else high = middle;
    }
    const step = nodes[high] - nodes[low];
    const s = step > 0 ? (z - nodes[low]) / step : 0;
    const rise = values[high] - values[low];
    const left = step * slopes[low] - rise;
    const right = rise - step * slopes[high];
    return values[low] + s * rise + s * (1 - s) * ((1 - s) * left + s * right);
  }
}

/** The neurons of one run, with their parameters at any time. */
class Neurons {
  static async of(told, run) {
    const neurons = Object.assign(new Neurons(), told, { run });
    neurons.parameters = await Packed.of(told.parameters);
    neurons.activation_ = told.table && (await Activation.of(told.table));
    neurons.times = told.frames.map((frame) => run.times[frame]);
    neurons.places = told.rows && new Map(told.rows.map((row, place) => [row, place]));
    return neurons;
  }

  get evaluates() {
    return Boolean(this.activation_);
  }

  /** Where the parameters of a drawn neuron are, or undefined. */
  place(number) {
    return this.places ? this.places.get(number) : number;
  }

  /** θ of a drawn neuron at a time, or null if the page does not hold it. */
  theta(number, time) {
    const place = this.place(number);
    if (place === undefined) return null;
    const moment = momentIn(this.times, time);
    return this.names.map((_, column) => this.parameters.value(column, place, moment));
  }

  /** Mass of a drawn neuron. */
  mass(number) {
    const { cloud, moment, shown } = this.run;
    if (!cloud.diameter) return 1 / shown;
    const at = (frame) => cloud.diameter.value(0, number, { before: frame, after: frame, share: 0 }) ** 2;
    return ((1 - moment.share) * at(moment.before) + moment.share * at(moment.after)) / shown;
  }

  /** Σ m_i Φ(x; θ_i) at points [[x …] …] over drawn neurons, and the mass they stand for. */
  contribution(numbers, time, points) {
    const sums = new Float64Array(points.length * this.outputs);
    let [known, total] = [0, 0];
    for (const number of numbers) {
      const mass = this.mass(number);
      total += mass;
      const theta = this.theta(number, time);
      if (theta === null) continue;
      known += mass;
      this.add(sums, mass * this.scale, theta, points);
    }
    if (known > 0) for (let i = 0; i < sums.length; i += 1) sums[i] *= total / known;
    return { sums, total, known: known > 0 };
  }

  /** Φ(x; θ) of one neuron at points. */
  single(number, time, points) {
    const values = new Float64Array(points.length * this.outputs);
    this.add(values, 1, this.theta(number, time), points);
    return values;
  }

  /** Add a multiple of Φ(x; θ) at points to sums. */
  add(sums, factor, theta, points) {
    const { outputs, outer, inputs, bias } = this;
    for (let j = 0; j < points.length; j += 1) {
      let z = bias ? theta[outer + inputs] : 0;
      for (let c = 0; c < inputs; c += 1) z += theta[outer + c] * points[j][c];
      const value = factor * this.activation_.at(z);
      if (outer === 0) sums[j] += value;
      else for (let c = 0; c < outer; c += 1) sums[j * outputs + c] += theta[c] * value;
    }
  }
}
