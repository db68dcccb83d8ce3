"""Movies that play in a notebook: pictures inside a small page."""

from __future__ import annotations

import re
from collections.abc import Iterable

import matplotlib as mpl
from matplotlib.animation import FuncAnimation

from meanfield.plotting.scene import Scene
from meanfield.plotting.style import theme

__all__ = ["Animation", "animation"]

_EMBED_LIMIT = 500.0  # megabytes of pictures in one page
_ICONS = {
    "fa-minus": "−", "fa-plus": "+", "fa-fast-backward": "⏮", "fa-step-backward": "◂",
    "fa-play fa-flip-horizontal": "◀", "fa-pause": "❚❚", "fa-play": "▶", "fa-step-forward": "▸",
    "fa-fast-forward": "⏭",
}  # fmt: skip


class Animation(FuncAnimation):
    """A movie in memory that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return _html_player(self, round(1000.0 / float(self._interval)))  # type: ignore[attr-defined]


def animation(scene: Scene, times: Iterable[float], fps: int) -> Animation:
    """Animation of a scene at some times."""
    return Animation(
        scene.figure,
        lambda time: scene.draw(float(time)),
        frames=list(times),
        init_func=list,
        interval=1000.0 / fps,
        blit=False,
        cache_frame_data=False,
    )


def _html_player(movie: FuncAnimation, fps: int) -> str:
    """Player with all pictures inside, and signs in place of an icon font from the net."""
    with theme(), mpl.rc_context({"animation.embed_limit": _EMBED_LIMIT}):
        page = str(movie.to_jshtml(fps=fps))
    page = re.sub(r"<link[^>]*font-awesome[^>]*>", "", page)
    for icon, sign in _ICONS.items():
        page = page.replace(f'<i class="fa {icon}"></i>', sign)
    return page
