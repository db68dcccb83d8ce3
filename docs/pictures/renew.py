"""Copy pictures of the built gallery to where README.md and the pages show them.

`make pictures` builds the gallery first. A picture NAME.png comes from
docs/gallery/plot_NUMBER_NAME.py; colours are reduced to a palette, so that files stay small.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
NAMES = ("learns", "lazy", "widths", "gibbs", "digits")


def main() -> None:
    """Renew every picture."""
    for name in NAMES:
        (source,) = (HERE.parent / "examples" / "images").glob(f"sphx_glr_plot_?_{name}_001.png")
        with Image.open(source) as picture:
            width = 640 if name == "digits" else 1000
            small = picture.convert("RGB").resize((width, width * picture.height // picture.width))
            small.quantize(256, Image.Quantize.FASTOCTREE).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
