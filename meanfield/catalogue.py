"""The catalogue of scenarios, for people."""

from __future__ import annotations

import inspect
from dataclasses import fields
from importlib.resources import files

from rich.console import Console
from rich.table import Table

from meanfield.experiment import scenarios

__all__ = ["example", "show_all", "show_one"]


def example() -> str:
    """Return the text of a configuration file to start from."""
    return (files("meanfield") / "scenarios" / "example.toml").read_text(encoding="utf-8")


def show_all() -> None:
    """Print name, purpose and reference of every scenario."""
    table = Table(box=None, padding=(0, 2, 1, 0))
    for title in ("name", "what it is", "reference"):
        table.add_column(title, no_wrap=title == "name")
    for name in sorted(scenarios):
        scenario = scenarios[name]
        table.add_row(name, scenario.summary, scenario.reference)
    console = Console()
    console.print(table)
    console.print("Parameters of one: meanfield scenarios NAME", highlight=False)


def show_one(name: str) -> None:
    """Print the description and the parameters of a scenario."""
    scenario = scenarios[name]
    console = Console()
    text = inspect.getdoc(scenario) or ""
    console.print(text.split("\nParameters\n")[0].strip(), markup=False, highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    for title in ("parameter", "default", "meaning"):
        table.add_column(title, no_wrap=title == "parameter")
    for entry in fields(scenario):
        table.add_row(entry.name, str(entry.default), entry.metadata["doc"])
    console.print()
    console.print(table)
    console.print(f"\nSet one: meanfield simulate {name} --set KEY=VALUE", highlight=False)
