"""What objects show in notebooks, and what a run shows while it goes on."""

from __future__ import annotations

import sys
import time
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace

import h5py
import numpy as np
import pytest

import meanfield as mf
from meanfield import display, notebook
from meanfield.notebook import card, columns, in_notebook
from meanfield.study_progress import StudyProgress
from solver_cases import CASES

TIMES = np.linspace(0.0, 1.0, 5)
HOSTILE = "<script>alert('1')</script>&\"'"
LINE = mf.Dataset(np.linspace(-1.0, 1.0, 9), np.linspace(-1.0, 1.0, 9) ** 2)
WITHOUT_END = {"circle", "rect", "polyline", "path", "br"}


class Page(HTMLParser):
    """Tags and texts of HTML whose tags are all closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in WITHOUT_END
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def shown(value):
    """What a value shows, as a page."""
    return Page(value._repr_html_())


@pytest.fixture
def kernel(monkeypatch):
    """A notebook's kernel, which keeps what its cell shows: first and later, in one place."""
    outputs = []

    def shows(value, display_id):
        assert display_id is True
        outputs.append(value)
        return SimpleNamespace(update=outputs.append)

    shell = SimpleNamespace(kernel=object())
    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython, module.display = lambda: shell, shows
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    for name in ("_DELAY", "_NOTEBOOK_INTERVAL", "_NOTEBOOK_PAUSE"):
        monkeypatch.setattr(display, name, 0.0)
    return outputs


# -- objects ---------------------------------------------------------------------------------


def neuron(**others):
    return mf.Neuron(**{"inputs": 1, **others})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (neuron(), ["Neuron", "a tanh(w x + b)", "3: a_0, w_0, b"]),
        (neuron(inputs=40, outer="fixed", bias=False), ["tanh(w·x)", "w_2, …, w_37"]),
        (LINE, ["9, of equal weight", "1, from -1 to 1"]),
        (mf.Dataset(np.eye(3), [0.0, 1.0, 2.0], [0.5, 0.25, 0.25]), ["3, weighted"]),
        (mf.Problem(neuron(), LINE, scale=2.0), ["2 ∫ Φ dμ", "squared loss on 9 points"]),
        (mf.ParticleMeasure.gaussian(50, 3, seed=0), ["50", "3, float64", "main direction"]),
        (mf.ParticleMeasure([[0.0], [2.0]], [0.25, 0.75]), ["of different masses", "1.5"]),
        (mf.GridMeasure([[0.1, 0.2], [0.3, 0.4]], 0.0, 2.0), ["2 x 2", "[0, 2] x [0, 2]"]),
        (mf.GridMeasure(np.full((2, 2, 2), 0.125), -1.0, 1.0), ["2 x 2 x 2", "0, 0, 0"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_objects_say_what_they_are(value, said):
    texts = " | ".join(shown(value).texts)
    for words in said:
        assert words in texts


def test_data_of_one_and_two_inputs_have_pictures():
    plane = mf.Dataset([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [-1.0, 1.0, 1.0])
    assert plane._repr_html_().count("#e0763c") == 1
    assert shown(LINE).tags.count("svg") == shown(mf.Problem(neuron(), LINE)).tags.count("svg") == 1
    assert shown(mf.Dataset(np.eye(3), np.ones(3))).tags.count("svg") == 0


@pytest.mark.parametrize("case", ["particle-flow-euler", "grid"])
def test_a_run_shows_its_risk_and_its_last_measure(case):
    names = [name for name in CASES if name.startswith(case)]
    page = shown(CASES[names[0]].run(TIMES))
    assert page.tags.count("svg") == 2
    assert any(text.startswith("risk ") for text in page.texts)


def test_what_a_file_says_is_never_taken_for_html(tmp_path):
    path = tmp_path / "run<script>alert(1)<b>.h5"
    CASES["particle-flow-euler"].run(TIMES, store=path, observers=[_Named("<script>x")])
    with h5py.File(path, "r+") as file:
        file.attrs["status"], file.attrs["reason"] = "failed", HOSTILE
    text = mf.open(path)._repr_html_()
    assert "<script" not in text and "<b>" not in text
    assert HOSTILE in "".join(Page(text).texts)


class _Named:
    def __init__(self, name):
        self.name = name

    def __call__(self, frame):
        return 1.0


def test_a_damaged_frame_has_no_picture_but_the_run_its_rows(tmp_path):
    path = tmp_path / "run.h5"
    CASES["particle-flow-euler"].run(TIMES, store=path)
    with h5py.File(path, "r+") as file:
        file["position"][-1] = np.nan
    page = shown(mf.open(path))
    assert page.tags.count("svg") == 1
    assert "complete" in page.texts


def test_a_run_without_frames_has_rows(tmp_path):
    def ends(frame):
        raise RuntimeError("at once")

    path = tmp_path / "run.h5"
    with pytest.raises(RuntimeError, match="at once"):
        CASES["particle-flow-euler"].run(TIMES, store=path, observers=[ends])
    page = shown(mf.open(path))
    assert page.tags.count("svg") == 0
    assert "failed: RuntimeError: at once" in page.texts


def test_results_have_tables():
    problem = mf.Problem(neuron(bias=False), LINE, ridge=0.1, temperature=0.1)
    grid = mf.GridMeasure.from_density(mf.Gaussian(2).density, -7.0, 7.0, (28, 28))
    page = shown(mf.gibbs(problem, grid))
    assert "gap to the minimum" in page.texts and page.tags.count("svg") == 1
    run = CASES["particle-flow-euler"].run(np.linspace(0.0, 0.1, 4))
    assert "4, t = 0 to 0.1" in shown(mf.MeanField(run)).texts
    population = mf.PopulationProblem(
        neuron(inputs=2, activation="relu", bias=False), mf.ParticleMeasure([[1.0, 0.0, 1.0]])
    )
    assert "N(0, I), 2 of them" in shown(population).texts


def test_cards_and_columns_escape_their_texts_and_cut_long_ones():
    for html in (card(HOSTILE, [(HOSTILE, HOSTILE)]), columns(HOSTILE, [HOSTILE], [[HOSTILE]])):
        assert "<script" not in html
        assert Page(html).texts.count(HOSTILE) >= 2
    assert len(card("", [("", "x" * 10**6)])) < 2000


# -- runs that go on -------------------------------------------------------------------------


def test_a_run_shows_itself_in_one_place_of_the_notebook(kernel):
    run = CASES["particle-flow-euler"].run(TIMES, progress=True)
    assert len(kernel) == len(TIMES) + 1
    pages = [Page(output._repr_html_()) for output in kernel]
    assert {page.tags.count("svg") for page in pages} == {2}
    assert "t = 0.5 of 1" in pages[2].texts and "t = 1 of 1" in pages[-1].texts
    assert f"{run.risk[-1]:.4g}" in pages[-1].texts
    assert repr(kernel[-1]).startswith("t = 1 of 1, risk")


def test_a_short_run_shows_nothing_in_a_notebook(kernel, monkeypatch):
    monkeypatch.setattr(display, "_DELAY", 60.0)
    CASES["particle-flow-euler"].run(TIMES, progress=True)
    assert kernel == []


def test_pictures_in_a_notebook_cost_a_hundredth_of_the_run(kernel, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(display, "monotonic", lambda: now[0])
    monkeypatch.setattr(display, "_NOTEBOOK_INTERVAL", 1.0)
    monkeypatch.setattr(display, "_NOTEBOOK_PAUSE", 100.0)

    def html():
        now[0] += 0.2
        return ""

    output = display.Output(html, str)
    output.start()
    for _ in range(1000):
        now[0] += 0.1
        output.changed()
    assert len(kernel) == pytest.approx(100 / (100 * 0.2) + 1, abs=1)


def test_a_picture_that_cannot_be_drawn_does_not_end_the_run(kernel, monkeypatch):
    def fails(*_):
        raise ValueError("no pen")

    monkeypatch.setattr("meanfield.thumbnails.curve", fails)
    with pytest.warns(UserWarning, match="no progress can be shown: no pen") as told:
        run = CASES["particle-flow-euler"].run(TIMES, progress=True)
    assert len(told) == 1
    assert run.status == "complete" and kernel == []


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError(HOSTILE), f"failed: {HOSTILE}"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_that_ends_early_says_why(kernel, error, status):
    def ends(frame):
        if frame.index == 3:
            raise error

    with pytest.raises(type(error)):
        CASES["particle-flow-euler"].run(TIMES, observers=[ends], progress=True)
    assert status in Page(kernel[-1]._repr_html_()).texts
    assert "about" not in kernel[-1]._repr_html_() + repr(kernel[-1])


def test_a_study_shows_itself(kernel):
    with StudyProgress({1: 30, 2: 30}, {1: 3, 2: 3}) as progress:
        progress.finished(1, seconds=60.0)
    assert "10 of 20" in Page(kernel[-1]._repr_html_()).texts


def test_a_terminal_with_ipython_is_no_notebook(monkeypatch):
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_large_things_are_shown_quickly():
    begun = time.monotonic()
    for value in (
        mf.ParticleMeasure.gaussian(200_000, 3, seed=0),
        mf.GridMeasure(np.full((400, 400), 1.0), 0.0, 1.0),
    ):
        assert len(value._repr_html_()) < 50_000
    assert time.monotonic() - begun < 5.0
    assert notebook.html_of(1) == "<pre>1</pre>"
