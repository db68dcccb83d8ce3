"""Arguments and options that verbs of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ALL_PANELS",
    "ALL_SOLVERS",
    "Arrows",
    "CheckedParticles",
    "CheckedSolvers",
    "Cluster",
    "DataFile",
    "End",
    "Example",
    "FigureOut",
    "Follow",
    "Force",
    "FrameDtype",
    "FrameParticles",
    "LimitFile",
    "Megabytes",
    "MovieClock",
    "MovieDirections",
    "MovieLayout",
    "MovieOut",
    "MovieSeconds",
    "NoBrowser",
    "PageOut",
    "PanelDirections",
    "PanelNames",
    "PanelTime",
    "Particles",
    "PictureOut",
    "Port",
    "Quiet",
    "Reference",
    "Replicas",
    "Resume",
    "ResumeStudy",
    "RunFile",
    "RunFiles",
    "RunOrStudyFiles",
    "RunOut",
    "ScenarioName",
    "Seed",
    "Settings",
    "SolverName",
    "Source",
    "Sources",
    "Steps",
    "StudyOut",
    "TaskNumber",
    "Verify",
    "Widths",
    "Workers",
]

#: Stands for the names of all solvers, which are looked up when help is shown.
ALL_SOLVERS = "ALL-SOLVERS"
#: Stands for the names of all panels.
ALL_PANELS = "ALL-PANELS"

Source = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO|FILE.toml",
        help="A name that 'meanfield scenarios' lists, or a TOML file of your own.",
        show_default=False,
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SCENARIO|FILE.toml",
        help="What to compile for; by default every scenario and activation.",
        show_default=False,
    ),
]
RunFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUN.h5", help="A file that 'meanfield simulate' wrote.", show_default=False
    ),
]
RunFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN.h5 …",
        help="Files that 'meanfield simulate' wrote; several are shown side by side.",
        show_default=False,
    ),
]
Port = Annotated[
    int, typer.Option("--port", metavar="P", help="Port of this machine; 0 for any free one.")
]
NoBrowser = Annotated[
    bool, typer.Option("--no-browser", metavar="", help="Open no browser; only say the address.")
]
Megabytes = Annotated[
    float, typer.Option("--megabytes", metavar="M", help="About how large a page may be.")
]
SolverName = Annotated[
    str | None,
    typer.Option(
        "--solver",
        metavar="NAME",
        help=f"One of the experiment's solvers, the first by default; or {ALL_SOLVERS}.",
    ),
]
End = Annotated[
    float | None,
    typer.Option("--t-end", metavar="T", help="Mean-field time at which the run ends."),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="S", min=0, help="Seed of everything random, >= 0.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set parameters (of a TOML file: neuron.activation=relu); one or several.",
        show_default=False,
    ),
]
ScenarioName = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="Explain this scenario.", show_default=False),
]
Example = Annotated[
    bool,
    typer.Option("--example", metavar="", help="Print a TOML file to start your own from."),
]
Particles = Annotated[
    int | None,
    typer.Option(
        "--particles",
        metavar="N",
        help="Number of neurons; of cells or nodes in total with the solvers grid and "
        "quadrature, which choose it themselves otherwise.",
    ),
]
CheckedParticles = Annotated[
    int | None,
    typer.Option(
        "--particles",
        metavar="N",
        help="Number of neurons of the solvers that move them, >= 4; grid and quadrature "
        "choose their cells and nodes.",
    ),
]
CheckedSolvers = Annotated[
    str | None,
    typer.Option("--solvers", metavar="NAME,…", help="Solvers to run; all that apply by default."),
]
RunOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="RUN.h5", help="File to write; NAME.h5 by default."),
]
FrameParticles = Annotated[
    int | None,
    typer.Option(
        "--frame-particles",
        metavar="N",
        help="Record so many of the particles only; the run is the same.",
    ),
]
FrameDtype = Annotated[
    str | None,
    typer.Option(
        "--frame-dtype",
        metavar="DTYPE",
        help="Precision of recorded positions, float32 or float64; the run's by default.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", metavar="", help="Continue the run in the file."),
]
Follow = Annotated[
    bool,
    typer.Option("--follow", metavar="", help="Show how far a running simulation is, to its end."),
]
Verify = Annotated[
    bool,
    typer.Option("--verify", metavar="", help="Read every frame, compare it with its checksum."),
]
Widths = Annotated[
    str, typer.Option("--particles", metavar="N,N,…", help="Widths to compare, increasing.")
]
Replicas = Annotated[
    int, typer.Option("--seeds", metavar="R", help="Networks of each width, >= 2.")
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        metavar="NAME|N",
        help="What stands for the limit: grid, quadrature, particles, or their number.",
    ),
]
Steps = Annotated[
    str | None,
    typer.Option("--steps", metavar="S,S,…", help="Steps of sgd to compare beside the widths."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="W", min=1, help="Processes of this machine; one a core by default."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="local|tcp://…", help="Work on a Dask cluster: its scheduler."
    ),
]
TaskNumber = Annotated[
    int | None,
    typer.Option("--task", metavar="K", min=0, help="Do this task alone: for arrays of jobs."),
]
ResumeStudy = Annotated[
    bool,
    typer.Option("--resume", metavar="", help="Continue an unfinished study; never begin one."),
]
StudyOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="STUDY.h5", help="File to write; NAME-study.h5 by default."),
]
FigureOut = Annotated[
    Path | None,
    typer.Option("--figure", metavar="STUDY.png", help="Picture to draw: .png, .pdf, .svg."),
]
PageOut = Annotated[
    Path | None,
    typer.Option("--report", metavar="STUDY.html", help="Page for the browser, in one file."),
]
MovieOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Movie: .mp4 (default), .webm, .gif; run-%04d.png for pictures; or a page: .html.",
    ),
]
MovieSeconds = Annotated[
    float, typer.Option("--seconds", metavar="S", help="How long it plays, without its ends.")
]
MovieLayout = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="NAME",
        help="Beside the measure: function (of one or two inputs), outputs, law, or risk alone.",
    ),
]
MovieClock = Annotated[
    str,
    typer.Option(
        "--clock",
        metavar="NAME",
        help="Pictures go with pace, linear (time), log (of time, from the first saved time "
        "after 0), or arc-length (of the path).",
    ),
]
MovieDirections = Annotated[
    str | None,
    typer.Option(
        "--directions",
        metavar="RULE|A,B",
        help="Axes: kinks, weights, angles, lengths, principal, or two parameters as a_0,w_0.",
    ),
]
Arrows = Annotated[
    bool, typer.Option("--arrows", metavar="", help="Draw the velocities of neurons.")
]
PictureOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Picture: .png (default), .pdf or .svg."),
]
RunOrStudyFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN.h5",
        help="Files that 'meanfield simulate' wrote, or one of 'meanfield compare'.",
        show_default=False,
    ),
]
PanelNames = Annotated[
    list[str] | None,
    typer.Option(
        "--panel",
        metavar="NAME",
        help=f"Draw this panel instead of the overview; may be given several times: {ALL_PANELS}.",
        show_default=False,
    ),
]
LimitFile = Annotated[
    Path | None,
    typer.Option("--limit", metavar="RUN.h5", help="A run to draw as the limit: panel risk."),
]
PanelDirections = Annotated[
    str | None,
    typer.Option(
        "--directions",
        metavar="NAME|NAME,NAME",
        help="Which parameters to show, such as b or w_0,b; or a rule, such as principal.",
    ),
]
PanelTime = Annotated[
    float | None,
    typer.Option(
        "--time", metavar="T", help="Time of the panels that show one; the end by default."
    ),
]
DataFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUN.h5",
        help="A file that 'meanfield simulate' or 'meanfield compare' wrote.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", metavar="", help="Overwrite files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", metavar="", help="Print errors only.")]
