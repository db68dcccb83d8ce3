"""The command line from outside: what is printed, written, and returned."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from meanfield.cli import run
from meanfield.progress import Progress
from meanfield.solver import solvers
from meanfield.trajectory import Trajectory

VERBS = [
    "scenarios", "simulate", "compare", "animate", "view", "plot", "info", "compress", "warmup",
]  # fmt: skip
SMALL = ["simulate", "relu-1d", "--particles", "20", "--t-end", "2", "--set", "frames=5"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_run(tmp_path):
    """A small finished run in run.h5."""
    assert run([*SMALL, "--out", "run.h5", "--quiet"]) == 0
    return tmp_path / "run.h5"


def shell(*arguments, **settings):
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "meanfield", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **settings)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_an_example(verb, capsys):
    assert run([verb, "--help"]) == 0
    assert f"$ meanfield {verb}" in capsys.readouterr().out


def test_help_names_the_solvers_of_the_registry(capsys):
    assert run(["simulate", "--help"]) == 0
    shown = re.sub(r"[│\s]+", " ", capsys.readouterr().out)
    names = ", ".join(sorted(solvers)).replace("flow,", "flow (or particles),")
    assert f"or {names}." in shown


def test_help_of_check_explains_its_tables(capsys):
    assert run(["check", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ('"outputs ±", root mean square', "three times the sum", "1000 atoms of each"):
        assert words in shown


def test_help_lists_the_verbs_without_loading_anything_heavy():
    program = (
        "import sys; from meanfield.cli import run; run(['--help']);"
        "heavy = {'numpy', 'numba', 'scipy', 'matplotlib', 'ot', 'h5py', 'pandas'};"
        "sys.exit(f'loaded {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert all(re.search(rf"│ {verb} ", result.stdout) for verb in VERBS)


def test_no_arguments_show_the_help(capsys):
    assert run([]) == 0
    assert "Usage: meanfield" in capsys.readouterr().out


def test_catalogue_names_every_scenario_with_its_reference(capsys):
    assert run(["scenarios"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "name", "digits", "gibbs-1d", "relu-1d", "teacher-student", "two-gaussians",
        "two-gaussians-radial",
    ]  # fmt: skip
    assert "PNAS" in lines[-1]


def test_page_of_a_scenario_explains_parameters_and_solvers(capsys):
    assert run(["scenarios", "relu-1d"]) == 0
    page = capsys.readouterr().out
    assert "Maennel" in page
    assert re.search(r"function +str +sine +function to fit: sine, zigzag", page)
    assert "particle-flow (default), sgd" in page
    assert ">>>" not in page


def test_example_file_runs_from_end_to_end(tmp_path):
    printed = shell("scenarios", "--example")
    (tmp_path / "mine.toml").write_text(printed.stdout, encoding="utf-8")
    small = ["--particles", "20", "--t-end", "1", "--set", "time.frames=3"]
    result = shell("simulate", "mine.toml", *small)
    assert result.returncode == 0
    assert all("compiling kernels" in line for line in result.stderr.splitlines())
    assert re.search(r"(?m)^risk +0\.\d+ → 0\.\d+ *$", result.stdout)
    assert "meanfield animate moons.h5" in result.stdout
    assert "\x1b" not in result.stdout
    assert len(Trajectory.open("moons.h5")) == 3


def test_simulate_writes_the_run_that_was_asked_for(small_run):
    found = Trajectory.open(small_run)
    assert (len(found), len(found.measures[0]), found.times[-1]) == (5, 20, 2.0)
    assert found.status == "complete"


def test_simulate_takes_solver_seed_and_several_settings(capsys):
    assert run([*SMALL, "step=0.1", "batch_size=5", "--solver", "sgd", "--seed", "3"]) == 0
    found = Trajectory.open("relu-1d.h5")
    assert (found.solver.step, found.solver.batch_size, found.seed) == (0.1, 5, 3)
    assert "written to" in capsys.readouterr().out


def test_quiet_prints_nothing(capsys):
    assert run([*SMALL, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_run_resumes_to_the_same_bytes(small_run, monkeypatch, capsys):
    def stop_at_the_third_frame(self, frame):
        if frame.index == 2:
            raise KeyboardInterrupt

    command = [*SMALL, "--out", "again.h5"]
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "__call__", stop_at_the_third_frame)
        assert run(command) == 130
    assert "again.h5 holds what was done, and --resume continues it" in capsys.readouterr().err
    assert run(["info", "again.h5"]) == 0
    assert "interrupted" in capsys.readouterr().out
    assert run([*command, "--resume"]) == 0
    with h5py.File(small_run) as straight, h5py.File("again.h5") as resumed:
        assert np.array_equal(straight["position"][()], resumed["position"][()])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--seed", "1"], "the seed is 0, not 1"),
        (["--solver", "sgd"], "the solver is ParticleFlow"),
        (["points=50"], "problem.data.inputs has the shape"),
    ],
)
def test_resume_refuses_the_file_of_another_run(small_run, change, sentence, capsys):
    assert run([*SMALL, *change, "--out", "run.h5", "--resume"]) == 2
    assert sentence in capsys.readouterr().err


def test_a_diverging_run_fails_with_status_1_and_keeps_its_frames(tmp_path, capsys):
    (tmp_path / "wild.toml").write_text(
        '[data]\nfile = "meanfield:moons.csv"\n[neuron]\nactivation = "square"\n'
        "[problem]\nscale = 1.0\n[solvers.particle-flow]\nmethod = 'euler'\nstep = 50.0\n"
        "[time]\nt_end = 5000\n",
        encoding="utf-8",
    )
    assert run(["simulate", "wild.toml"]) == 1
    assert "wild.h5 holds the frames before" in capsys.readouterr().err
    assert Trajectory.open("wild.h5").status == "failed"


def test_too_many_particles_for_the_memory_are_one_sentence(capsys):
    assert run(["simulate", "relu-1d", "--particles", str(10**15)]) == 1
    assert capsys.readouterr().err.startswith("meanfield: not enough memory")


def test_compare_writes_a_study_and_a_figure_that_info_and_plot_understand(tmp_path, capsys):
    small = ["--t-end", "1", "--particles", "8,16", "--seeds", "2", "--reference", "64"]
    pictures = ["--figure", "study.png", "--report", "study.html"]
    assert run(["compare", "relu-1d", *small, *pictures]) == 0
    assert (tmp_path / "study.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    printed = capsys.readouterr().out
    assert "slope of risk gap" in printed
    assert "relu-1d-study.h5 and study.png and study.html" in printed
    assert (tmp_path / "study.png").stat().st_size > 1000
    assert run(["info", "relu-1d-study.h5"]) == 0
    assert "slope of risk gap" in capsys.readouterr().out
    assert run(["plot", "relu-1d-study.h5"]) == 0
    assert run(["plot", "relu-1d-study.h5", "--panel", "risk"]) == 2
    assert "a comparison of widths is drawn alone" in capsys.readouterr().err
    assert (tmp_path / "relu-1d-study.png").stat().st_size > 1000
    assert run(["animate", "relu-1d-study.h5"]) == 2
    assert "is a comparison of widths" in capsys.readouterr().err


def test_plot_and_info_of_a_run(small_run, tmp_path, capsys):
    assert run(["plot", "run.h5", "--out", "page.svg"]) == 0
    assert (tmp_path / "page.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert run(["plot", "run.h5", "--panel", "risk", "--panel", "marginals"]) == 0
    assert (tmp_path / "run-risk-marginals.png").stat().st_size > 1000
    assert run(["plot", "run.h5", "run.h5", "--limit", "run.h5", "--out", "risks.pdf"]) == 0
    assert (tmp_path / "risks.pdf").read_bytes().startswith(b"%PDF")
    capsys.readouterr()
    assert run(["info", "run.h5"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"solver +particle-flow", printed)
    assert re.search(r"particles +20", printed)
    assert max(len(line) for line in printed.splitlines()) > 80  # a pipe is never wrapped


def test_panels_that_cannot_be_drawn_are_answered_by_one_sentence(small_run, capsys):
    for more, sentence in [
        (["--panel", "phase-potrait"], "did you mean 'phase-portrait'"),
        (["--panel", "gap"], "the run has recorded no certificate"),
        (["--panel", "risk", "--time", "1"], "risk takes no time; it is for the panels"),
        (["--panel", "function", "--time", "9"], "time must be from 0 to 2, got 9"),
        (["--time", "1"], "--time is for --panel"),
        (["--panel", "marginals", "--directions", "w_O"], "did you mean 'w_0'"),
        (["run.h5", "--panel", "energy"], "in the panel risk only"),
        (["run.h5", "--directions", "b"], "risk takes no directions"),
    ]:
        assert run(["plot", "run.h5", *more]) == 2
        printed = capsys.readouterr()
        assert sentence in printed.err and printed.err.count("\n") == 1


def test_a_terminated_animate_clears_up(monkeypatch, small_run, tmp_path, capsys):
    import meanfield.plotting.scene

    def terminated(self, time):
        if list(tmp_path.glob(".meanfield-*")):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(meanfield.plotting.scene.Scene, "draw", terminated)
    folder = set(tmp_path.iterdir())
    assert run(["animate", "run.h5", "--out", "run-%d.png", "--quiet"]) == 143
    assert capsys.readouterr().err == "meanfield: terminated\n"
    assert set(tmp_path.iterdir()) == folder
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_animate_draws_every_picture_into_the_movie(monkeypatch, small_run, tmp_path):
    import meanfield.plotting.movie

    calls = []
    monkeypatch.setattr(
        meanfield.plotting.movie, "animate", lambda *given, **more: calls.append((given, more))
    )
    command = ["animate", "run.h5", "--out", "run.gif", "--seconds", "2.5"]
    assert run([*command, "--quiet"]) == 0
    ((trajectory, target), more) = calls[0]
    assert (len(trajectory), target.name) == (5, "run.gif")
    assert more == {
        "layout": None, "clock": "pace", "directions": None, "arrows": False,
        "seconds": 2.5, "progress": False, "force": False,
    }  # fmt: skip
    settings = ["--layout", "law", "--clock", "log", "--directions", "a_0,b", "--arrows", "--quiet"]
    assert run(["animate", "run.h5", "run.h5", *settings]) == 0
    ((trajectories, target), more) = calls[1]
    assert (len(trajectories), target.name) == (2, "side-by-side.mp4")
    assert (more["layout"], more["clock"], more["arrows"]) == ("law", "log", True)
    assert more["directions"] == ("a_0", "b")


BAD_CALLS = [
    (["simulte"], "did you mean 'simulate'"),
    (["--verson"], "did you mean --version"),
    (["simulate"], "missing argument 'SCENARIO|FILE.toml'"),
    (["simulate", "relu1d"], "did you mean 'relu-1d'"),
    (["simulate", "relu-1d", "extra"], "extra"),
    (["simulate", "relu-1d", "--partciles", "4"], "did you mean --particles"),
    (["simulate", "relu-1d", "--particles", "ten"], "--particles must be an integer, got 'ten'"),
    (["simulate", "relu-1d", "--particles=1.5"], "--particles must be an integer, got '1.5'"),
    (["simulate", "relu-1d", "--particles", "0"], "particles must be an integer >= 1, got 0"),
    (["simulate", "relu-1d", "--t-end", "nan"], "t_end must be a positive finite number, got nan"),
    (["simulate", "relu-1d", "--seed", "-1"], "--seed must be >= 0, got '-1'"),
    (["simulate", "relu-1d", "--set", "poinst=3"], "did you mean 'points'"),
    (["simulate", "relu-1d", "--set", "points=many"], "points must be an integer, got 'many'"),
    (["simulate", "relu-1d", "--set", "points"], "--set takes key=value"),
    (["simulate", "relu-1d", "--set", "function=sinus"], "did you mean 'sine'"),
    (
        ["simulate", "relu-1d", "--particles", "9", "--set", "particles=8"],
        "is given twice: 8 and 9",
    ),
    (["simulate", "relu-1d", "--solver", "sdg"], "did you mean 'sgd'"),
    (["simulate", "relu-1d", "--out", "run.txt"], "run.txt must end in .h5"),
    (["simulate", "relu-1d", "--out", "none/run.h5"], "there is no folder"),
    (["simulate", "relu-1d", "--resume"], "there is no file relu-1d.h5"),
    (["simulate", "relu-1d", "--resume", "--force"], "give one"),
    (["simulate", "none.toml"], "there is no file none.toml"),
    (["simulate", "run.h5"], "meanfield simulate --resume run.h5 continues it"),
    (["simulate", "relu-1d", "--out", "run.h5"], "run.h5 exists already; use --force"),
    (["compare", "relu-1d", "--particles", "8"], "at least two widths"),
    (["compare", "relu-1d", "--particles", "8,x"], "--particles takes widths such as"),
    (["compare", "relu-1d", "--particles", "16,8"], "widths must increase"),
    (["compare", "relu-1d", "--seeds", "1"], "seeds must be an integer >= 2"),
    (["compare", "relu-1d", "--reference", "8"], "reference must have more particles"),
    (["compare", "relu-1d", "--figure", "study.jpg"], "study.jpg must end in .png"),
    (["compare", "relu-1d", "--report", "study.pdf"], "study.pdf must end in .html"),
    (["compare", "relu-1d", "--out", "run.h5"], "exists already"),
    (["animate", "none.h5"], "there is no file none.h5"),
    (["animate", "text.h5"], "text.h5 is not a readable HDF5 file"),
    (["animate", "page.h5", "--out", "page.png"], "there is no file page.h5"),
    (["plot", "page.h5"], "there is no file page.h5"),
    (["plot", "page.toml"], "there is no file page.toml"),
    (["info", "text.toml"], "text.toml describes a run and holds none; make it by meanfield sim"),
    (["animate", "run.h5", "--seconds", "0"], "seconds must be a positive finite number"),
    (
        ["animate", "run.h5", "--out", "run.avi"],
        "run.avi must end in .mp4, .webm, .gif, .png, .html",
    ),
    (["animate", "run.h5", "--out", "run.png"], "run.png is one picture, and a movie has many"),
    (["plot", "run.h5", "--out", "page.png"], "page.png exists already"),
    (["plot", "run.h5", "--out", "folder.png"], "folder.png is a folder"),
    (["info", "text.h5"], "text.h5 is not a readable HDF5 file"),
    (["scenarios", "two-gausians"], "did you mean 'two-gaussians'"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD_CALLS, ids=[" ".join(c) for c, _ in BAD_CALLS])
def test_a_bad_call_is_answered_by_one_sentence_and_status_2(call, sentence, tmp_path, capsys):
    with h5py.File("run.h5", "w"):
        pass
    (tmp_path / "text.h5").write_text("no HDF5", encoding="utf-8")
    (tmp_path / "text.toml").write_text("[data]", encoding="utf-8")
    (tmp_path / "page.png").write_text("mine", encoding="utf-8")
    (tmp_path / "folder.png").mkdir()
    before = sorted(tmp_path.iterdir())
    assert run(call) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.startswith("meanfield: ")
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "page.png").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (["simulate", "relu-1d", "--set", "points=-1"], 2),
        (["simulate", "relu-1d", "--bogus"], 2),
        (["info", "none.h5"], 2),
        (["--version"], 0),
    ],
)
def test_exit_status_reaches_the_shell_without_a_traceback(call, status):
    result = shell(*call)
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == (1 if status else 0)


def test_force_replaces_what_was_there(small_run):
    assert run([*SMALL, "--out", "run.h5", "--quiet"]) == 2
    assert run([*SMALL, "--out", "run.h5", "--quiet", "--force", "--seed", "7"]) == 0
    assert Trajectory.open("run.h5").seed == 7


def test_a_reader_that_stops_early_is_no_error():
    program = f"{sys.executable} -m meanfield scenarios two-gaussians | true"
    result = subprocess.run(program, shell=True, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
