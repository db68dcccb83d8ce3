"""The command line: what a user types, and what an error says."""

from __future__ import annotations

import os
import sys
import warnings
from io import TextIOWrapper
from typing import Annotated, NoReturn, TextIO

import typer

from meanfield.cli.comparing import check, compare
from meanfield.cli.keeping import compress, warmup
from meanfield.cli.showing import animate, info, plot, scenarios, view
from meanfield.cli.simulating import simulate
from meanfield.cli.speech import say
from meanfield.cli.verbs import Verb, Verbs, WorkingVerb, spread_settings, usage_sentence
from meanfield.errors import FileError, InvalidInputError, MeanfieldError
from meanfield.launcher import rank_count
from meanfield.safeguards import Stopped

__all__ = ["app", "main", "run"]

_MISTAKE, _FAILURE = 2, 1

app = typer.Typer(
    cls=Verbs,
    name="meanfield",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def _meanfield(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.")
    ] = False,
) -> None:
    """Neural networks trained as probability measures: simulate, compare, look.

    A first run, a picture and a movie of it:
    $ meanfield simulate teacher-student
    $ meanfield plot teacher-student.h5
    $ meanfield animate teacher-student.h5
    """
    if version:
        from meanfield import __version__

        print(f"meanfield {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command(cls=Verb)(scenarios)
app.command(cls=WorkingVerb)(simulate)
app.command(cls=WorkingVerb)(compare)
app.command(cls=WorkingVerb)(check)
app.command(cls=Verb)(animate)
app.command(cls=Verb)(view)
app.command(cls=Verb)(plot)
app.command(cls=Verb)(info)
app.command(cls=Verb)(compress)
app.command(cls=Verb)(warmup)


def main() -> NoReturn:
    """Entry point of the command ``meanfield``: run it and exit with its status."""
    warnings.showwarning = _say_warning
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a → must not stop an old terminal
    if rank_count() == 1:
        sys.exit(run(sys.argv[1:]))
    from meanfield.ranks import run_on_ranks

    sys.exit(run_on_ranks(run, sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : list of str
        Without the name of the command.

    Returns
    -------
    int
        0; 2 for a mistake in the call, a configuration or a file; 1 for a run that
        failed; 130 for one that was interrupted.

    Examples
    --------
    >>> run(["--version"])
    meanfield 0.1.0
    0
    """
    try:
        if rank_count() > 1:
            from meanfield.ranks import check_command

            check_command(arguments)
        status = app(args=spread_settings(arguments), prog_name="meanfield", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except Stopped as error:
        return say(str(error), error.status)
    except (InvalidInputError, FileError) as error:
        return say(str(error), _MISTAKE)
    except typer.TyperException as error:
        return say(usage_sentence(error, arguments), error.exit_code)
    except MeanfieldError as error:
        return say(str(error), _FAILURE)
    except MemoryError as error:
        return say(f"not enough memory: {error}", _FAILURE)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"warning: {message}")
