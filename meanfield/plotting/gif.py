"""Movies as gif, with one palette for all pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from meanfield.plotting.video import HOLD_END, HOLD_START
from meanfield.typing import Float64Array

__all__ = ["write_gif"]


def write_gif(
    path: Path,
    times: Float64Array,
    picture: Callable[[float], Any],
    fps: int,
    passed: Callable[[Iterable[Any]], Iterable[Any]],
) -> None:
    """Write pictures with one palette for all, so that colours do not flicker.

    Parameters
    ----------
    path : Path
    times : (F,) array
    picture : callable
        From a time to bytes of red, green and blue, (height, width, 3).
    fps : int
    passed : callable
        Through which times are passed as they are drawn, for a progress bar.
    """
    telling = times[np.unique([0, len(times) // 2, len(times) - 1])]
    palette = _palette(np.concatenate([picture(float(time)) for time in telling]))
    durations = [1000 / fps] * len(times)
    durations[0] += 1000 * HOLD_START
    durations[-1] += 1000 * HOLD_END

    def images() -> Iterator[Any]:
        for time in passed(times):
            yield _in_palette(picture(float(time)), palette)

    every = images()
    next(every).save(
        path,
        format="GIF",
        save_all=True,
        append_images=every,
        duration=[10 * round(each / 10) for each in durations],
        loop=0,
    )


def _palette(pixels: Any) -> Any:
    """White and 255 colours that suit the rest of the pixels, shape (256, 3).

    Each colour counts by the root of its pixels: the many shades of a smooth density get
    more of the palette than the flat areas.
    """
    from PIL import Image

    colours, counts = np.unique(_packed(pixels), return_counts=True)
    counts[colours == 0xFFFFFF] = 1
    coloured = np.repeat(_unpacked(colours), np.ceil(np.sqrt(counts)).astype(int), axis=0)
    found = Image.fromarray(coloured[None]).quantize(255, Image.Quantize.MEDIANCUT, kmeans=2)
    known = np.array(found.getpalette(), np.uint8).reshape(-1, 3)
    return np.vstack([np.full((256 - len(known), 3), 255, np.uint8), known])


def _in_palette(pixels: Any, palette: Any) -> Any:
    """Image whose pixels have the nearest colours of a palette, (256, 3).

    Pillow would look for them on a lattice of every fourth value, which shows as bands.
    """
    from PIL import Image
    from scipy.spatial import KDTree

    packed = _packed(pixels)
    values, inverse = np.unique(packed, return_inverse=True)
    nearest: Any = KDTree(palette).query(_unpacked(values))[1]
    image = Image.fromarray(nearest.astype(np.uint8)[inverse].reshape(packed.shape))
    image.putpalette(palette.ravel().tolist())
    return image


def _packed(pixels: Any) -> Any:
    """One number for each colour."""
    return pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)


def _unpacked(values: Any) -> Any:
    return np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.uint8)
