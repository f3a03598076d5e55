"""What `recipes.variance` prints and draws, all of it read from its records."""

import numpy as np
from rich.table import Table

from keras_multimix.evaluation import plot_variance
from recipes.shared.result_tables import console

# Records whose name begins so compare pairings; the others stand against K.
PAIRING = "pairing: "


def rows_of(records):
    """The records as rows of a table, their metrics rounded to six digits."""
    return [
        {key: value for key, value in record.items() if key != "metrics"}
        | {name: f"{value:.6g}" for name, value in record["metrics"].items()}
        for record in records
    ]


def cases_of(records):
    """A dict (dataset, network, α) -> its records, in the order of appearance."""
    cases = {}
    for record in records:
        key = (record["dataset"], record["network"], record["alpha"])
        cases.setdefault(key, []).append(record)
    return cases


def curves_of(records):
    """The names of what was measured against K, in the order of the records."""
    names = dict.fromkeys(record["method"] for record in records)
    return [name for name in names if not name.startswith(PAIRING)]


def counts_of(records):
    """The K that was measured, each once, in the order of the records."""
    return [r["num_interpolations"] for r in records if r["method"] == "independent"]


def find(records, name, count):
    """The metrics of one setting."""
    (found,) = [
        record["metrics"]
        for record in records
        if (record["method"], record["num_interpolations"]) == (name, count)
    ]
    return found


def law(records):
    """Returns a and b of variance = a + b / K, from the two parts at K = 1."""
    at_one = find(records, "independent", 1)
    return at_one["pairs"], at_one["coefficients"]


def curve(records, name, scale):
    """The curve of one sampling for `plot_variance`, in units of `scale`."""
    counts = counts_of(records)
    found = [find(records, name, count) for count in counts]
    return {
        "num_interpolations": counts,
        "total": [each["total"] / scale for each in found],
        "total_error": [each["total_error"] / scale for each in found],
    }


def save_figure(path, records):
    """Draws the variance against K, relative to independent coefficients at K = 1."""
    ((dataset, network, alpha),) = cases_of(records)
    scale = find(records, "independent", 1)["total"]
    curves = {name: curve(records, name, scale) for name in curves_of(records)}
    title = f"Variance of the gradient: {dataset}, {network}, α = {alpha:g}"
    figure = plot_variance(curves, title)
    a, b = law(records)
    at = np.geomspace(1, max(counts_of(records)), 50)
    (panel,) = figure.axes
    panel.plot(at, (a + b / at) / scale, "k:", linewidth=1, label="a + b / K")
    panel.axhline(a / scale, color="0.6", linewidth=0.8)
    panel.set_ylabel("variance, relative to K = 1")
    panel.legend(frameon=False)
    figure.savefig(path, dpi=120)


def print_report(records, num_draws):
    """Prints the table against K, that of the pairings, and how the law holds."""
    out = console()
    for (dataset, network, alpha), own in cases_of(records).items():
        title = f"{dataset}, {network}, α = {alpha:g}, {num_draws} draws"
        out.print(_against_k(own, title))
        out.print(_law_remark(own))
        out.print(_of_pairings(own, title))


def _against_k(records, title):
    scale = find(records, "independent", 1)["total"]
    table = Table(title=f"{title}: variance relative to K = 1 (± standard error)")
    table.add_column("K", justify="right", no_wrap=True)
    cells = []
    for name in curves_of(records):
        table.add_column(name, justify="right", no_wrap=True)
        own = curve(records, name, scale)
        pairs = zip(own["total"], own["total_error"], strict=True)
        cells.append([f"{value:.3f} ±{error:.3f}" for value, error in pairs])
    for count, *texts in zip(counts_of(records), *cells, strict=True):
        table.add_row(str(count), *texts)
    return table


def _law_remark(records):
    a, b = law(records)
    deviations = []
    for count in counts_of(records)[1:]:
        found = find(records, "independent", count)
        deviation = (found["total"] - (a + b / count)) / found["total_error"]
        deviations.append(f"{deviation:+.1f}")
    share = b / (a + b)
    return (
        f"Coefficients make {100 * share:.0f} % of the variance at K = 1. Independent "
        f"coefficients lie {', '.join(deviations)} of their standard errors from a + "
        "b / K, a and b being the two parts at K = 1."
    )


def _of_pairings(records, title):
    scale = find(records, "pairing: shuffle", 1)
    table = Table(title=f"{title}: variance at the same number of mixed rows")
    for heading in ("pairing", "relative to shuffle", "of the coefficients, %"):
        table.add_column(heading, justify="left" if heading == "pairing" else "right")
    for record in records:
        if not record["method"].startswith(PAIRING):
            continue
        found = record["metrics"]
        table.add_row(
            record["method"].removeprefix(PAIRING),
            f"{found['total'] / scale['total']:.3f} "
            f"±{found['total_error'] / scale['total']:.3f}",
            f"{100 * found['coefficients'] / found['total']:.0f}",
        )
    return table
