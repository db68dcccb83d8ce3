"""Arguments and options that verbs of the command line share, and how these look."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from meanfield.errors import unknown_name
from meanfield.wording import rule_in_words

__all__ = [
    "CheckedParticles",
    "Cluster",
    "CheckedSolvers",
    "DataFile",
    "End",
    "Example",
    "FigureOut",
    "Follow",
    "Force",
    "FrameDtype",
    "FrameParticles",
    "Megabytes",
    "Arrows",
    "MovieClock",
    "MovieDirections",
    "MovieLayout",
    "MovieOut",
    "MovieSeconds",
    "NoBrowser",
    "LimitFile",
    "PanelDirections",
    "PanelNames",
    "PanelTime",
    "Particles",
    "PageOut",
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
    "Verb",
    "Verbs",
    "Verify",
    "Widths",
    "Workers",
    "WorkingVerb",
    "spread_settings",
    "usage_sentence",
]

# Stands for the names of all solvers, which are looked up when help is shown.
_ALL_SOLVERS = "ALL-SOLVERS"
# Stands for the names of all panels.
_ALL_PANELS = "ALL-PANELS"

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
        help=f"One of the experiment's solvers, the first by default; or {_ALL_SOLVERS}.",
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
        help=f"Draw this panel instead of the overview; may be given several times: {_ALL_PANELS}.",
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


class _PlainHelp:
    """A command whose --help is listed like the other switches, without a type."""

    def get_help_option(self, ctx: Any) -> Any:
        """Make the option --help."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.metavar = ""
        return option


class Verb(_PlainHelp, TyperCommand):
    """One verb."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with the solvers that there are."""
        from meanfield.solver import solvers

        names = ", ".join(sorted(solvers)).replace("particle-flow", "particle-flow (or particles)")
        for param in self.params:
            text = getattr(param, "help", None) or ""
            if _ALL_PANELS in text:
                from meanfield.plotting.catalogue import catalogue

                text = text.replace(_ALL_PANELS, ", ".join(catalogue))
            param.help = text.replace(_ALL_SOLVERS, names)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


class WorkingVerb(Verb):
    """A verb that computes: it says so if it has to wait for the compiler."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        if ctx.params["quiet"]:
            return super().invoke(ctx)
        from meanfield.notice import compilation_announced

        with compilation_announced():
            return super().invoke(ctx)


class Verbs(_PlainHelp, TyperGroup):
    """Verbs whose look-up error names the nearest one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise unknown_name("verb", args[0], self.commands)
        return super().resolve_command(ctx, args)


def spread_settings(arguments: list[str]) -> list[str]:
    """Write ``--set a=1 b=2`` as ``--set a=1 --set b=2``.

    Examples
    --------
    >>> spread_settings(["simulate", "digits", "--set", "step=0.1", "frames=11", "--quiet"])
    ['simulate', 'digits', '--set', 'step=0.1', '--set', 'frames=11', '--quiet']
    """
    spread: list[str] = []
    for text in arguments:
        follows = len(spread) > 1 and spread[-2] == "--set"
        if follows and re.match(r"[\w.-]+=", text) and not text.startswith("-"):
            spread.append("--set")
        spread.append(text)
    return spread


def usage_sentence(error: typer.TyperException, arguments: list[str]) -> str:
    """One sentence for a call that cannot be understood."""
    context: Any = getattr(error, "ctx", None)
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if context is None:
        return message
    known = [text for param in context.command.params for text in param.opts if "-" in text]
    unknown = getattr(error, "option_name", None)
    if unknown is not None and unknown not in known:
        nearest = get_close_matches(unknown, known, n=1, cutoff=0.5)
        message = f"unknown option {unknown}" + (f"; did you mean {nearest[0]}?" if nearest else "")
    elif "Input should be" in message:
        option = error.param.opts[0]  # type: ignore[attr-defined]
        rule = rule_in_words(message[message.index("Input should be") :])
        message = f"{option} {rule}, got {_given(option, arguments)!r}"
    return f"{message} (see {context.command_path} --help)"


def _given(option: str, arguments: list[str]) -> str:
    """The value that was given to an option."""
    for number, text in enumerate(arguments):
        if text.startswith(f"{option}="):
            return text.partition("=")[2]
        if text == option and number + 1 < len(arguments):
            return arguments[number + 1]
    return ""
