"""How verbs of the command line read their call, and how they look."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from meanfield.cli.options import ALL_PANELS, ALL_SOLVERS
from meanfield.errors import unknown_name
from meanfield.wording import rule_in_words

__all__ = ["Verb", "Verbs", "WorkingVerb", "spread_settings", "usage_sentence"]


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
            if ALL_PANELS in text:
                from meanfield.plotting.catalogue import catalogue

                text = text.replace(ALL_PANELS, ", ".join(catalogue))
            param.help = text.replace(ALL_SOLVERS, names)  # type: ignore[attr-defined]
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
