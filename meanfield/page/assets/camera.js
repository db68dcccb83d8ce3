// From a neuron's coordinates to the picture: flat with pan and zoom, or turned in space.

const TURN = 0.008; // radians a pixel
const ZOOMS = [0.5, 60];
const DISTANCE = 4.5; // of the eye from the middle of a cube of half-width 1

class Camera {
  constructor(cloud) {
    this.cloud = cloud;
    this.deep = false;
    this.reset();
  }

  reset() {
    this.zoom = 1;
    this.centre = [0.5, 0.5]; // of the flat picture, as a share of its limits
    this.azimuth = -0.7;
    this.elevation = 0.42;
  }

  /** The place of the plot on the canvas, in CSS pixels. */
  layout(width, height) {
    const box = this.deep
      ? { left: 4, top: 4, width: width - 8, height: height - 8 }
      : { left: 56, top: 10, width: width - 68, height: height - 56 };
    if (this.deep || this.cloud.equal) {
      const side = Math.min(box.width, box.height);
      box.left += (box.width - side) / 2;
      box.top += (box.height - side) / 2;
      box.width = side;
      box.height = side;
    }
    this.box = box;
  }

  /** Numbers of the columns of coordinates that are shown. */
  get columns() {
    return this.deep ? [2, 3, 4] : [0, 1];
  }

  /** Limits of the flat picture after pan and zoom. */
  window(axis) {
    const [low, high] = this.cloud.limits[axis];
    const half = 0.5 / this.zoom;
    return [this.centre[axis] - half, this.centre[axis] + half].map((s) => low + s * (high - low));
  }

  /** Matrix, by columns, from packed shares of coordinates to the square [-1, 1]. */
  matrix() {
    const { low, high } = this.cloud.coordinates;
    const scale = [0, 0, 0];
    const shift = [0, 0, 0];
    this.columns.forEach((column, axis) => {
      const [least, most] = this.deep ? this.cloud.limits[column] : this.window(axis);
      scale[axis] = (2 * (high[column] - low[column])) / (most - least);
      shift[axis] = (2 * (low[column] - least)) / (most - least) - 1;
    });
    if (!this.deep) {
      return [scale[0], 0, 0, 0, 0, scale[1], 0, 0, 0, 0, 0, 0, shift[0], shift[1], 0, 1];
    }
    const rows = this.turned();
    const size = 2.2 * this.zoom;
    const columns = scale.map((each, axis) => rows.map((row) => row[axis] * each));
    const last = rows.map((row) => row[0] * shift[0] + row[1] * shift[1] + row[2] * shift[2]);
    return [...columns, last].flatMap(([right, up, toward], number) => {
      const middle = number === 3 ? 1 : 0;
      const depth = DISTANCE * middle - toward;
      return [size * right, size * up, (depth - DISTANCE * middle) * 0.4, depth];
    });
  }

  /** Right, up and toward the eye, in the coordinates of the cube; its third axis is up. */
  turned() {
    const [ca, sa] = [Math.cos(this.azimuth), Math.sin(this.azimuth)];
    const [ce, se] = [Math.cos(this.elevation), Math.sin(this.elevation)];
    return [[ca, sa, 0], [-sa * se, ca * se, ce], [sa * ce, -ca * ce, se]];
  }

  /** Place on the canvas, in CSS pixels, of shares of coordinates. */
  project(shares, matrix) {
    const [x, y, z] = [shares[0], shares[1], this.deep ? shares[2] : 0];
    const w = matrix[3] * x + matrix[7] * y + matrix[11] * z + matrix[15];
    const right = (matrix[0] * x + matrix[4] * y + matrix[8] * z + matrix[12]) / w;
    const up = (matrix[1] * x + matrix[5] * y + matrix[9] * z + matrix[13]) / w;
    const box = this.box;
    return [box.left + ((right + 1) / 2) * box.width, box.top + ((1 - up) / 2) * box.height];
  }

  /** Drag by pixels. */
  drag(right, down) {
    if (this.deep) {
      this.azimuth -= right * TURN;
      this.elevation = Math.min(Math.max(this.elevation + down * TURN, -1.5), 1.5);
      return;
    }
    this.centre[0] -= right / this.box.width / this.zoom;
    this.centre[1] += down / this.box.height / this.zoom;
  }

  /** Zoom by a factor about a place on the canvas. */
  scale(factor, x, y) {
    const before = this.zoom;
    this.zoom = Math.min(Math.max(before * factor, ZOOMS[0]), ZOOMS[1]);
    if (this.deep) return;
    const change = 1 / before - 1 / this.zoom;
    this.centre[0] += ((x - this.box.left) / this.box.width - 0.5) * change;
    this.centre[1] += (0.5 - (y - this.box.top) / this.box.height) * change;
  }
}
