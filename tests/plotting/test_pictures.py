"""Every panel beside a picture of it that somebody has looked at.

Pictures are small and without words, which differ with the fonts of a machine; words are
tested where the panels are. The tolerance of 2 (root mean square of grey levels up to 255)
is far above what the last digits of another processor change, and below what a curve is
that is missing. After a wanted change:

    pytest tests/plotting/test_pictures.py --mpl-generate-path=tests/plotting/baseline
"""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

from meanfield import plot
from meanfield.neurons import Neuron
from pictured_runs import in_many_dimensions, on_a_grid, on_the_line, on_the_plane, shorten

TANH = Neuron(1, activation="tanh", outer="fixed")


def bare(draw, *given, **more):
    """Figure of a panel on axes of a fixed place, without words."""
    with plot.theme():
        figure = Figure(figsize=(2.4, 1.8), dpi=60)
        ax = figure.add_axes((0.08, 0.08, 0.87, 0.85))
        draw(*given, ax=ax, **more)
        ax.tick_params(labelleft=False, labelbottom=False)
        for text in ax.findobj(Text):
            text.set_visible(False)
        if ax.get_legend():
            ax.get_legend().remove()
    return figure


def noisy():
    run = on_a_grid(TANH, (16, 18))
    run.problem = type(run.problem)(TANH, run.problem.data, temperature=0.1)
    run.energy = np.array([0.5, 0.3, 0.22, 0.2])
    run.observables = {"optimality_gap": np.array([1.0, 0.2, 0.03, 0.01])}
    return run


def several():
    runs = [on_the_line(particles=count, activation="tanh") for count in (10, 20)]
    return {"runs": runs, "limit": on_the_line(particles=200, activation="tanh")}


def ridged():
    """A run whose kernel and neurons move."""
    return on_the_line(activation="tanh")


CASES = {
    "measure": lambda: bare(plot.measure, on_the_plane().measures[-1], neuron=Neuron(2)),
    "measure-grid": lambda: bare(plot.measure, on_a_grid(TANH, (16, 18)).measures[0]),
    "function-line": lambda: bare(plot.function, on_the_line()),
    "function-plane": lambda: bare(plot.function, on_the_plane()),
    "risk": lambda: bare(plot.risk, in_many_dimensions()),
    "risk-several": lambda: bare(plot.risk, several()["runs"], limit=several()["limit"]),
    "accuracy": lambda: bare(plot.accuracy, in_many_dimensions()),
    "energy": lambda: bare(plot.energy, noisy()),
    "gap": lambda: bare(plot.gap, noisy()),
    "dissipation": lambda: bare(plot.dissipation, ridged()),
    "dissipation-grid": lambda: bare(plot.dissipation, noisy()),
    "evolution": lambda: bare(plot.evolution, in_many_dimensions()),
    "marginals": lambda: bare(plot.marginals, ridged(), "b"),
    "trajectories": lambda: bare(plot.trajectories, ridged(), ("w_0", "b")),
    "trajectories-time": lambda: bare(plot.trajectories, ridged(), "a_0"),
    "phase-portrait": lambda: bare(plot.phase_portrait, on_a_grid(TANH, (16, 18))),
    "phase-portrait-means": lambda: bare(plot.phase_portrait, on_the_plane(), index=2),
    "phase-portrait-section": lambda: bare(
        plot.phase_portrait, ridged(), directions=("w_0", "b"), at=[1.0, 0.0, 0.5]
    ),
    "kernel-spectrum": lambda: bare(plot.kernel_spectrum, ridged(), count=4),
    "kernel-alignment": lambda: bare(plot.kernel_alignment, ridged(), top=2),
}


def picture(name):
    return pytest.mark.mpl_image_compare(filename=f"{name}.png", savefig_kwargs={"dpi": 60})


def _test_of(name):
    @picture(name)
    def test():
        return CASES[name]()

    test.__doc__ = f"The panel {name} looks as it should."
    return test


for _name in CASES:
    globals()[f"test_{_name.replace('-', '_')}"] = _test_of(_name)


LINES = ["dissipation", "risk", "risk-several", "kernel-spectrum", "kernel-alignment", "accuracy"]


@pytest.mark.parametrize("name", [*LINES, "function-line", "energy", "gap"])
def test_a_curve_that_is_missing_is_seen(name, tmp_path):
    figure = CASES[name]()
    (ax,) = figure.axes
    figure.savefig(tmp_path / "whole.png", dpi=60)
    for number, line in enumerate(ax.lines):
        line.set_visible(False)
        figure.savefig(tmp_path / f"{number}.png", dpi=60)
        line.set_visible(True)
        seen = compare_images(str(tmp_path / "whole.png"), str(tmp_path / f"{number}.png"), tol=2)
        assert seen is not None


def test_every_panel_has_a_picture():
    from meanfield.plotting.catalogue import catalogue

    pictured = {name for name in catalogue if any(case.startswith(name) for case in CASES)}
    assert pictured == set(catalogue)


def test_panels_draw_one_frame():
    run = shorten(on_the_line(), 1)
    for draw in (plot.dissipation, plot.marginals, plot.trajectories, plot.phase_portrait):
        assert draw(run, ax=Figure().add_subplot()).get_xlabel()
