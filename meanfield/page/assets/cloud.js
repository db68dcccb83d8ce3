// The cloud of neurons, drawn by the graphics processor, which also moves it between frames.

const VERTEX = `
attribute float x0, x1, y0, y1, z0, z1, shade0, shade1, diameter0, diameter1, chosen;
uniform mat4 view;
uniform float share, size, diameterScale, mostDiameter, anyChosen, deep;
uniform vec3 jump;   // a way longer than the picture is no motion
uniform float classes;
varying float shade, dim, depth, pixels;
void main() {
  vec3 from = vec3(x0, y0, z0), to = vec3(x1, y1, z1);
  bool jumps = any(greaterThan(abs(to - from), jump));
  float s = jumps ? step(0.5, share) : share;
  gl_Position = view * vec4(mix(from, to, s), 1.0);
  shade = mix(shade0, shade1, classes > 0.5 ? step(0.5, share) : s);
  dim = anyChosen * (1.0 - chosen);
  depth = deep > 0.5 ? gl_Position.w : 4.5;
  pixels = size * min(diameterScale * mix(diameter0, diameter1, share), mostDiameter) * 4.5 / depth;
  pixels = (1.0 + 0.35 * anyChosen * chosen) * max(pixels, 1.5);
  gl_PointSize = pixels + 1.0;
}`;

const FRAGMENT = `
precision highp float;
uniform sampler2D palette;
uniform float opacity, edge, deep;
uniform vec3 paper;
varying float shade, dim, depth, pixels;
void main() {
  float night = step(paper.r, 0.5);
  float r = length(2.0 * gl_PointCoord - 1.0) * (pixels + 1.0) * 0.5;   // pixels from the middle
  float cover = clamp(0.5 * pixels - r + 0.5, 0.0, 1.0);
  if (cover <= (deep > 0.5 ? 0.4 : 0.0)) discard;
  vec3 colour = texture2D(palette, vec2(shade, 0.5)).rgb;
  colour = mix(colour, sqrt(colour), 0.5 * night);   // dark colours are lifted from dark paper
  float rim = edge * smoothstep(0.5 * pixels - 1.6, 0.5 * pixels - 0.4, r);
  colour = mix(colour, paper, 0.85 * rim);
  if (deep > 0.5) colour = mix(colour, paper, clamp((depth - 4.0) * 0.28, 0.0, 0.6));
  colour = mix(colour, paper, 0.72 * dim);
  float alpha = cover * (deep > 0.5 ? 1.0 : mix(opacity, 0.35, dim));
  gl_FragColor = vec4(colour * alpha, alpha);
}`;

class Cloud {
  constructor(canvas, run) {
    this.canvas = canvas;
    this.run = run;
    // Drawn anew whenever something changes, so nothing is kept; alpha is premultiplied.
    this.gl = twgl.getContext(canvas, { antialias: false, alpha: true });
    if (!this.gl) throw new Error("this browser draws no WebGL");
    this.program = twgl.createProgramInfo(this.gl, [VERTEX, FRAGMENT]);
    this.load();
  }

  /** Take the arrays of the run to the graphics processor. */
  load() {
    const { gl, run } = this;
    const { coordinates, shades, diameter, colour } = run.cloud;
    this.count = coordinates.count;
    const keep = (levels) => twgl.createBufferFromTypedArray(gl, levels);
    this.columns = coordinates.columns.map(keep);
    this.shades = shades && keep(shades.columns[0]);
    this.diameters = diameter && keep(diameter.columns[0]);
    this.diameterScale = diameter ? diameter.high[0] : 1;
    this.chosen = keep(new Uint8Array(this.count));
    this.anyChosen = 0;
    const classes = colour.kind === "classes";
    this.palette = twgl.createTexture(gl, {
      src: new Uint8Array(colour.palette.flatMap((hex) => [...rgb(hex), 255])),
      width: colour.palette.length,
      height: 1,
      minMag: classes ? gl.NEAREST : gl.LINEAR,
      wrap: gl.CLAMP_TO_EDGE,
    });
  }

  /** Let go of what the graphics processor holds, before newer arrays come. */
  free() {
    for (const buffer of [...this.columns, this.shades, this.diameters, this.chosen]) {
      if (buffer) this.gl.deleteBuffer(buffer);
    }
    this.gl.deleteTexture(this.palette);
  }

  /** Mark the neurons of a set of numbers; all stay as they are if it is null. */
  choose(numbers) {
    const flags = new Uint8Array(this.count);
    if (numbers) for (const number of numbers) flags[number] = 255;
    twgl.setAttribInfoBufferFromArray(this.gl, { buffer: this.chosen }, flags);
    this.anyChosen = numbers ? 1 : 0;
  }

  attributes(moment, columns) {
    const { gl, count } = this;
    const levels = (buffer, frame) => ({
      buffer, numComponents: 1, type: gl.UNSIGNED_SHORT, normalize: true, offset: 2 * count * frame,
    });
    const found = {};
    const pair = (name, buffer, constant) => {
      found[`${name}0`] = buffer ? levels(buffer, moment.before) : { value: [constant, 0, 0, 0] };
      found[`${name}1`] = buffer ? levels(buffer, moment.after) : { value: [constant, 0, 0, 0] };
    };
    ["x", "y", "z"].forEach((name, axis) => pair(name, this.columns[columns[axis]], 0));
    pair("shade", this.shades, 0.5);
    pair("diameter", this.diameters, 1);
    found.chosen = {
      buffer: this.chosen, numComponents: 1, type: gl.UNSIGNED_BYTE, normalize: true, offset: 0,
    };
    return { attribs: found, numElements: count };
  }

  draw(moment, camera, paper) {
    const { gl, run } = this;
    const { ratio } = fitted(this.canvas);
    const { deep, box } = camera;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const place = [
      Math.round(box.left * ratio),
      Math.round(this.canvas.height - (box.top + box.height) * ratio),
      Math.round(box.width * ratio),
      Math.round(box.height * ratio),
    ];
    gl.viewport(...place);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(...(deep ? [0, 0, this.canvas.width, this.canvas.height] : place));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    (deep ? gl.enable : gl.disable).call(gl, gl.DEPTH_TEST);
    const { low, high } = run.cloud.coordinates;
    const jump = [4, 4, 4];
    camera.columns.forEach((column, axis) => {
      const [least, most] = run.cloud.limits[column];
      jump[axis] = (most - least) / (high[column] - low[column]);
    });
    const small = Math.min(Math.max(Math.min(box.width, box.height) / 420, 0.55), 1.5);
    gl.useProgram(this.program.program);
    twgl.setBuffersAndAttributes(gl, this.program, this.attributes(moment, camera.columns));
    twgl.setUniforms(this.program, {
      view: camera.matrix(), share: moment.share, jump, paper,
      size: 2 * run.cloud.radius * small * ratio * Math.min(Math.sqrt(camera.zoom), 3),
      diameterScale: this.diameterScale, mostDiameter: run.cloud.mostDiameter, anyChosen: this.anyChosen, deep: deep ? 1 : 0,
      classes: run.cloud.colour.kind === "classes" ? 1 : 0, palette: this.palette,
      opacity: run.cloud.opacity, edge: run.cloud.radius * small > 3.5 ? 1 : 0,
    });
    twgl.drawBufferInfo(gl, { numElements: this.count }, gl.POINTS);
    gl.disable(gl.SCISSOR_TEST);
  }
}
