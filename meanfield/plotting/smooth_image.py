"""An image on axes that is enlarged fast."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.transforms import Bbox, IdentityTransform

from meanfield.plotting.view import Limits
from meanfield.typing import Array

__all__ = ["SmoothImage", "as_bytes", "show_image"]


class SmoothImage(AxesImage):
    """Bytes of red, green, blue and opacity over a part of the axes, bilinear between cells.

    Pillow enlarges it for pixels some ten times faster than matplotlib; for vector files
    matplotlib does.
    """

    def make_image(
        self, renderer: Any, magnification: float = 1.0, unsampled: bool = False
    ) -> tuple[Any, float, float, Any]:
        """Make what is painted, and say where."""
        if unsampled or magnification != 1.0 or self.axes is None:
            return super().make_image(renderer, magnification, unsampled)
        from PIL import Image

        left, right, bottom, top = self.get_extent()
        place = self.get_transform().transform([[left, bottom], [right, top]])
        whole = Bbox(place)
        window = Bbox.intersection(whole, self.axes.bbox)
        if window is None or window.width < 1.0 or window.height < 1.0:
            return None, 0.0, 0.0, None
        low = np.floor([window.x0, window.y0])
        high = np.ceil([window.x1, window.y1])
        pixels: Any = self.get_array()
        cells = np.array(pixels.shape[1::-1])
        corner = np.array(whole.min)
        per_pixel = cells / (np.array(whole.max) - corner)
        first = np.clip((low - corner) * per_pixel, 0.0, cells)
        last = np.clip((high - corner) * per_pixel, 0.0, cells)
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        source = Image.fromarray(np.asarray(pixels))
        shown = source.resize(size, Image.Resampling.BILINEAR, box=(*first, *last))
        return np.array(shown), float(low[0]), float(low[1]), IdentityTransform()


def show_image(ax: Axes, shades: Array, limits: Limits, zorder: float) -> SmoothImage:
    """Put an image on axes; rows go from the lower to the upper limit.

    Parameters
    ----------
    ax : Axes
    shades : (rows, columns, 4) array of bytes
    limits : ((low, high), (low, high))
        Where the outer edges of its cells lie.
    zorder : float
    """
    image = SmoothImage(ax, origin="lower", extent=(*limits[0], *limits[1]), zorder=zorder)
    image.set_data(shades)
    image.set_clip_path(ax.patch)
    ax.add_image(image)
    return image


def as_bytes(shades: Array) -> Array:
    """Shades in [0, 1], red, green, blue and perhaps opacity, as bytes with an opacity.

    Examples
    --------
    >>> as_bytes(np.array([[[0.0, 0.5, 1.0]]]))
    array([[[  0, 128, 255, 255]]], dtype=uint8)
    """
    full = np.full((*shades.shape[:2], 4), 255, np.uint8)
    full[..., : shades.shape[2]] = np.round(255.0 * np.clip(shades, 0.0, 1.0))
    return full
