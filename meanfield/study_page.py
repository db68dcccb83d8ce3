"""A study as a page for the browser: one file, without anything from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meanfield.quantities import quantities, statistics
from meanfield.study_table import constants, heading, number, root_mean, with_error

if TYPE_CHECKING:
    from meanfield.study import Study

__all__ = ["page", "write_page"]

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1f2430; background: #fff;
       max-width: 1080px; margin: 0 auto; padding: 1.2rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .4rem 0 .2rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-top: 1px solid #e4e7ec;
     padding-top: 1.2rem; }
p, li { max-width: 46rem; }
.quiet { color: #5b6473; }
.wide { overflow-x: auto; -webkit-overflow-scrolling: touch; }
figure { margin: 1rem 0; }
figure svg { width: 100%; height: auto; min-width: 820px; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .8rem .32rem 0; text-align: right; white-space: nowrap; }
th { border-bottom: 1px solid #9aa1ac; font-weight: 600; vertical-align: bottom; }
td { border-bottom: 1px solid #eef0f3; }
th:first-child, td:first-child, th.words, td.words { text-align: left; }
.good { color: #2166a8; } .bad { color: #d8572a; }
dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; max-width: 46rem; }
pre { overflow-x: auto; font-size: .8rem; background: #f6f7f9; padding: .8rem; }
"""

_MEANING = {
    "coupling distance": "Root mean square distance between the network's neurons and the same "
    "neurons, with the same noise, carried by the limit. It contains dynamics only, no sampling "
    "error, and bounds W₂ to an iid sample of the limit. Expected slope −1/2.",
    "function distance": "Root mean square over the data of f_N − f. Expected slope −1/2.",
    "risk gap": "Mean over seeds of R_N − R, with its sign: the bias, expected like 1/N. The risk "
    "fluctuation is the standard deviation over seeds.",
    "distances of parameters": "Between N neurons and the limit any such distance consists mostly "
    "of the sampling of N points. The column “iid limit” is the same distance for N independent "
    "draws from the limit itself, the excess is the difference of the two (of squares for W₂, "
    "sliced W₂ and the energy distance), and p is the probability that draws from the limit "
    "exceed it by as much. A slope of W₂ alone says nothing about training.",
    "constants": "Squared distances are C/N (K/N for the coupling) plus D times the step of SGD. "
    "Predictions come from the linearised flow, without sampling; s.e. are standard errors.",
}


def write_page(study: Study, path: str | Path, force: bool = False) -> Path:
    """Write the page of a study; see `meanfield.study.Study.report`."""
    from meanfield.plotting.style import check_target, written_whole

    target = check_target(path, (".html",), force)
    text = page(study)
    with written_whole(target) as partial:
        partial.write_text(text, encoding="utf-8")
    return target


def page(study: Study) -> str:
    """HTML of a page with verdict, figure, tables, meaning and settings of a study.

    Parameters
    ----------
    study : Study
    """
    parts = [
        f"<h1>{escape(study.experiment)}: width against its limit</h1>",
        f'<p class="quiet">{escape(heading(study))}</p>',
        f"<p>{escape(study.summary())}</p>",
        _verdicts(study),
        f'<h2>Figure</h2><figure class="wide">{_picture(study)}</figure>',
        _widths(study),
        _calibrated(study),
        _marginals(study),
        _constants(study),
        _notes(study),
        _meaning(),
        _settings(study),
    ]
    title = escape(f"{study.experiment}: a study of widths")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _picture(study: Study) -> str:
    """The figure as SVG that stands in the text."""
    import matplotlib as mpl

    from meanfield.plotting.style import theme

    stream = StringIO()
    figure = study.figure()
    with theme():
        # Letters as outlines: readers need no fonts of formulas.
        mpl.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": study.experiment})
        figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    return re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", text, count=1)


def _verdicts(study: Study) -> str:
    rows = []
    for name, rate in study.rates.items():
        kind = {True: "good", False: "bad", None: ""}[rate.consistent]
        rows.append(
            [quantities[name].title, rate.interval, f'<span class="{kind}">{rate.verdict}</span>']
        )
    if study.steps is not None:
        for name in ("coupling_distance", "function_distance"):
            if name in study.samples:
                rate = study.step_rate(name)
                title = f"{quantities[name].title}, in the step"
                rows.append([title, rate.interval, rate.verdict])
    step = ""
    if study.step is not None:
        step = (
            f"<p>Networks are trained with the step {study.step:g}, whose share of the error does "
            "not vanish with N: slopes in N are flatter than those of the flow. The constants "
            "below separate the two where there are several steps.</p>"
        )
    heads = ["", "slope [95 % interval]", "verdict"]
    return f"<h2>Rates</h2>{step}" + _table(heads, rows, words=(2,))


def _widths(study: Study) -> str:
    names = [name for name in study.quantities if name != "sliced_wasserstein"]
    rows = [
        [str(row["particles"]), *(with_error(row[name], row[f"{name}_error"]) for name in names)]
        for row in study.rows(-1)
    ]
    heads = ["N", *(quantities[name].title for name in names)]
    return f"<h2>Widths at t = {study.times[-1]:g}</h2>" + _table(heads, rows)


def _calibrated(study: Study) -> str:
    rows = []
    for name in study.statistics:
        values, nulls = (study.sample(part)[:, :, -1] for part in (name, f"{name}_null"))
        for width, excess in enumerate(study.excesses(name)):
            if excess is None:
                continue
            power = statistics[name].power
            value, null = (
                np.nanmean(part[width] ** power) ** (1.0 / power) for part in (values, nulls)
            )
            rows.append(
                [
                    statistics[name].title,
                    str(study.particles[width]),
                    number(value),
                    number(null),
                    with_error(excess.value, excess.error),
                    f"{excess.p_value:.2g}",
                ]
            )
    if not rows:
        return ""
    heads = ["distance of parameters", "N", "network", "iid limit", "excess", "p"]
    return "<h2>Parameters against their null</h2>" + _table(heads, rows)


def _marginals(study: Study) -> str:
    """Exact W₂ of each marginal, where there are few parameters."""
    if "marginal_wasserstein" not in study.samples:
        return ""
    values, nulls = (
        root_mean(study.sample(name)[:, :, -1])
        for name in ("marginal_wasserstein", "marginal_wasserstein_null")
    )
    names = study.settings.get("parameters", [])
    if not 0 < values.shape[-1] == len(names) <= 12:
        return ""
    rows = [
        [
            str(count),
            *(f"{number(one)} / {number(other)}" for one, other in zip(*pair, strict=True)),
        ]
        for count, *pair in zip(study.particles, values, nulls, strict=True)
    ]
    return (
        "<h2>Marginals</h2><p>Exact W₂ between the law of one parameter in the network and in "
        "the limit / the same for an iid sample of the limit.</p>" + _table(["N", *names], rows)
    )


def _constants(study: Study) -> str:
    rows = [[name, text] for name, text in constants(study)]
    if study.fluctuation is not None:
        rows.append(
            [f"√N (f_N − f) at N = {study.particles[-1]}, covariance", str(study.fluctuation)]
        )
    if not rows:
        return ""
    return "<h2>Constants, measured and predicted</h2>" + _table(
        ["constant", "value ± s.e. [95 % interval]"], rows, words=(1,)
    )


def _notes(study: Study) -> str:
    if not study.notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in study.notes)
    return f"<h2>Notes</h2><ul>{items}</ul>"


def _meaning() -> str:
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _MEANING.items()
    )
    return f"<h2>What is measured</h2><dl>{items}</dl>"


def _settings(study: Study) -> str:
    kept = {key: part for key, part in study.settings.items() if key not in ("weights", "notes")}
    text = escape(json.dumps(kept, indent=1, ensure_ascii=False))
    return f"<h2>Settings</h2><details><summary>all of them</summary><pre>{text}</pre></details>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: tuple[int, ...] = ()) -> str:
    """A table; cells may hold tags of their own, and all else in them is plain."""
    top = "".join(
        f'<th class="words">{escape(head)}</th>' if column in words else f"<th>{escape(head)}</th>"
        for column, head in enumerate(heads)
    )
    body = ""
    for row in rows:
        cells = [
            f'<td class="words">{cell}</td>' if column in words else f"<td>{cell}</td>"
            for column, cell in enumerate(row)
        ]
        body += f"<tr>{''.join(cells)}</tr>\n"
    return f'<div class="wide"><table><tr>{top}</tr>\n{body}</table></div>'
