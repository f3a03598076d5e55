"""Tables of results for a terminal, made with `rich`."""

import sys
import textwrap

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from recipes.shared.columns import COLUMNS
from recipes.shared.statistics import (
    by_method,
    mean_and_std,
    p_value,
    paired,
    seeds_below,
    values,
)


def console():
    """Where tables are printed: always as text, which notebooks can show too."""
    # Notebooks say that they are terminals, and would keep the codes of colours.
    if sys.stdout.isatty():
        return Console(force_jupyter=False)
    # Where nobody watches, rich would fold the table to 80 columns.
    return Console(width=100, force_jupyter=False, force_terminal=False)


def results_table(records, title, columns=COLUMNS):
    """A table with one row a method, mean ± std over its seeds.

    The seconds are a median: the first run of a process pays for the start-up.
    """
    methods = by_method(records)
    cells = _cells(methods, columns)
    if "erm" in methods:
        cells["beats erm"] = [
            ""
            if name == "erm"
            else seeds_below(rows, methods["erm"], columns[0].metric)
            for name, rows in methods.items()
        ]
    cells["s/run"] = [
        f"{np.median(values(rows, 'seconds')):.1f}" for rows in methods.values()
    ]
    return _table(title, methods, cells)


def measures_table(records, title, columns):
    """A table of further measures: one row a method, mean ± std."""
    methods = by_method(records)
    return _table(title, methods, _cells(methods, columns))


def _cells(methods, columns):
    """A dict heading -> texts, one a method."""
    return {
        column.heading: [column.text(rows) for rows in methods.values()]
        for column in columns
    }


def _table(title, methods, cells):
    # Without lines between the columns seven of them fit in 100 characters.
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    # Only a long name is folded where there is no room: numbers stay whole.
    table.add_column("method", overflow="fold")
    table.add_column("seeds", justify="right", no_wrap=True)
    for heading, texts in cells.items():
        # A heading is folded over its numbers, which are not folded.
        width = max(13, *map(len, texts))
        folded = textwrap.fill(heading, width, break_long_words=False)
        table.add_column(folded, justify="right", no_wrap=True)
    for (name, rows), *texts in zip(methods.items(), *cells.values(), strict=True):
        table.add_row(name, str(len(rows)), *texts)
    return table


def paired_tests_table(records, reference, metric):
    """A table of how a metric of each method differs from that of a reference.

    Args:
        records: the list in results.json, with runs of the reference.
        reference: name of the method to compare with, seed by seed.
        metric: a share, shown in points.
    """
    methods = by_method(records)
    table = Table(title=f"{metric} minus that of {reference}, paired by seed")
    for heading in ("method", "points", "lower on", "t-test p"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for name, rows in methods.items():
        if name == reference:
            continue
        ours, base = paired(rows, methods[reference], metric)
        if not len(ours):
            continue
        table.add_row(
            name,
            mean_and_std(100 * (ours - base), 2),
            seeds_below(rows, methods[reference], metric),
            p_value(rows, methods[reference], metric),
        )
    return table
