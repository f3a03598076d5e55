"""Prints and draws what the benchmarks measured.

A row has `section`, `mode`, `case`, `what`, the ratio's `median`, `low`, `high` and
`rounds`, and the `goal` that the median is to stay below, or None. If the ratio is to
a pass, `old` is the median ratio to `x + 1`, which was called a pass before.
"""

from recipes.shared.result_tables import console

TITLES = {
    "mixing": "mixing a batch, in passes over it",
    "interpolations": "K interpolations, relative to writing B·K rows",
    "draws": "the draws alone, in passes over 64×224×224×3",
    "batches": "mixing B images of 32×32×3, in passes over them",
    "steps": "a training step, relative to a plain one of as many rows",
    "late": "mixing at a late layer, relative to what its FLOPs say",
    "memory": "the peak of memory, relative to plain training's",
    "startup": "import and first step",
    "calls": "function calls of the package for one batch of 128×32×32×3",
    "by_hand": "mixing 128×32×32×3 and labels, relative to lines written by hand",
}
_HEADINGS = ("mode", "case", "what", "ratio", "quartiles", "goal", "", "to x + 1")


def print_rows(rows, notes, title):
    """Prints a table for each section."""
    from rich.table import Table

    out = console()
    for section in dict.fromkeys(row["section"] for row in rows):
        table = Table(title=f"{title}: {TITLES[section]}")
        for heading in _HEADINGS:
            table.add_column(heading, justify="right" if heading == "ratio" else "left")
        for row in rows:
            if row["section"] == section:
                table.add_row(*cells(row))
        out.print(table)
    for note in notes:
        out.print(note, soft_wrap=True)


def meets_goal(row):
    """Whether a row with a goal meets it, by the two decimals that are printed."""
    return round(row["median"], 2) <= row["goal"]


def cells(row):
    """The cells of a row of a table, as text."""
    goal = row["goal"]
    verdict = "" if goal is None else "met" if meets_goal(row) else "missed"
    return (
        row["mode"],
        row["case"],
        row["what"],
        f"{row['median']:.2f}",
        f"{row['low']:.2f} to {row['high']:.2f}",
        "" if goal is None else f"≤ {goal:g}",
        verdict,
        f"{row['old']:.2f}" if "old" in row else "",
    )


def draw(rows, title):
    """Draws cost against bytes of the batch, K and B, one line a mode.

    Returns:
        A matplotlib `Figure`, or None if nothing of it was measured.
    """
    from matplotlib.figure import Figure

    series = {
        "MB of the batch": _against(rows, "mixing", "MixUp, shuffle", _megabytes),
        "K": _against(rows, "interpolations", "K = ", _last_number),
        "B (32×32×3)": _against(rows, "batches", "B = ", _last_number),
    }
    if not any(series.values()):
        return None
    figure = Figure((10, 3.2), layout="constrained")
    figure.suptitle(title)
    for panel, (label, lines) in zip(
        figure.subplots(1, 3), series.items(), strict=True
    ):
        for mode, points in lines.items():
            x, middle, low, high = zip(*sorted(points), strict=True)
            panel.plot(x, middle, "o-", label=mode)
            panel.fill_between(x, low, high, alpha=0.2)
        panel.axhline(1, color="0.6", linewidth=1)
        panel.set(xscale="log", xlabel=label, ylim=(0, None))
        # Marked where it was measured: the scale's own labels would overlap.
        measured = sorted({point[0] for points in lines.values() for point in points})
        panel.set_xticks(measured, [f"{round(number, 1):g}" for number in measured])
        panel.minorticks_off()
        panel.set_ylabel("times the output's writing" if label == "K" else "passes")
        if lines:
            panel.legend()
    return figure


def _against(rows, section, what, number_of):
    lines = {}
    for row in rows:
        if row["section"] == section and row["what"].startswith(what):
            point = (number_of(row), row["median"], row["low"], row["high"])
            lines.setdefault(row["mode"], []).append(point)
    return lines


def _megabytes(row):
    size = 4
    for length in row["case"].split("×"):
        size *= int(length)
    return size / 1e6


def _last_number(row):
    return int(row["what"].split()[-1])
