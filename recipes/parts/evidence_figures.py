"""Figures of the findings: each draws what the records of `measured` hold.

A function takes the folder of the records and returns a `matplotlib.figure.Figure`, or
None where records that it needs are missing.
"""

import numpy as np
from matplotlib.figure import Figure

from recipes.datasets.corruptions import KINDS
from recipes.shared.results import read_measured
from recipes.shared.statistics import by_method, mean_difference, paired, values

ROWS = (5000, 20000, 55000)
KS = (2, 3, 5, 8)
SHARES = ("0.2", "0.5", "0.8")
EPSILONS = ("2", "4", "8")
# Methods differ by more than their colour, which not everybody sees.
MARKS = "osv^DPX<>*"
_K_METHODS = {
    "multimix": "stratified",
    "multimix_independent": "independent",
    "multimix_kept": "stratified, originals kept",
    "mixup_matched": "as many fresh pairs",
    "multimix_same_rows": "as few rows as mixup",
}


def gain_against_data(folder):
    """Test error minus plain training's, against the number of training images."""
    records = {rows: _read(folder, f"fashion_{rows}") for rows in ROWS}
    records = {rows: own for rows, own in records.items() if own is not None}
    if not records:
        return None
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    panel = figure.subplots()
    names = dict.fromkeys(name for own in records.values() for name in own)
    names = [name for name in names if name != "erm"]
    for number, name in enumerate(names):
        there = {rows: own for rows, own in records.items() if name in own}
        found = [
            _difference(own[name], own["erm"], "last_error", 100)
            for own in there.values()
        ]
        # Side by side, so that intervals do not hide each other.
        at = np.array(list(there)) * 1.04 ** (number - (len(names) - 1) / 2)
        _intervals(panel, at, found, name, number)
    panel.set(
        xscale="log",
        xlabel="training images",
        ylabel="test error minus plain training's, points",
        title="Below 0: fewer errors than plain training\n(mean and 95 % interval)",
    )
    panel.set_xticks(list(records), [f"{n:,}".replace(",", " ") for n in records])
    _with_grid(panel)
    return _with_legend(figure, panel)


def error_against_k(folder):
    """Test error and NLL minus mixup's, against K."""
    first = _read(folder, "fashion_k1")
    records = [_read(folder, f"fashion_k{k}") for k in KS]
    if first is None or None in records:
        return None
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, metric, factor, label in zip(
        panels,
        ("last_error", "nll"),
        (100, 1),
        ("test error minus mixup's, points", "NLL minus mixup's"),
        strict=True,
    ):
        for number, (name, title) in enumerate(_K_METHODS.items()):
            found = [
                _difference(own[name], first["mixup"], metric, factor)
                for own in records
            ]
            at = np.array(KS) * 1.03 ** (number - 2)
            _intervals(panel, at, found, title, number)
        plain = _difference(first["erm"], first["mixup"], metric, factor)
        panel.axhline(plain[0], color="0.4", linestyle=":", label="plain training")
        panel.set(xscale="log", xlabel="K", ylabel=label)
        panel.set_xticks(KS, [str(k) for k in KS])
        _with_grid(panel)
    figure.suptitle("Below 0: better than mixup (mean and 95 % interval)")
    return _with_legend(figure, panels[0])


def wrong_labels(folder):
    """Error at the best epoch and at the last, for each share of wrong labels."""
    records = {share: _read(folder, f"fashion_wrong_{share}") for share in SHARES}
    records = {share: own for share, own in records.items() if own is not None}
    if not records:
        return None
    figure = Figure(figsize=(3.5 + 2.5 * len(records), 4), layout="constrained")
    panels = figure.subplots(1, len(records), sharey=True, squeeze=False)[0]
    shown = {"best_error": "best epoch", "last_error": "end of training"}
    for panel, (share, own) in zip(panels, records.items(), strict=True):
        _pairs_of_bars(panel, own, shown)
        panel.set(title=f"{100 * float(share):g} % wrong labels")
    panels[0].set(ylabel="test error, %")
    figure.suptitle("A light bar above its dark one: wrong labels were learned")
    return _with_legend(figure, panels[0])


def attacks(folder):
    """Errors under attack against ε, white box, black box, and random noise."""
    own = _read(folder, "fashion_55000")
    if own is None:
        return None
    kinds = {
        "fgsm_error": "FGSM, white box",
        "ifgsm_error": "I-FGSM, white box",
        "fgsm_black_box_error": "FGSM, black box",
        "ifgsm_black_box_error": "I-FGSM, black box",
        "noise_error": "random noise",
    }
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    grid = figure.subplots(2, 3, sharey=True, sharex=True)
    *panels, rest = grid.T.flat
    rest.set_axis_off()
    for panel, (metric, title) in zip(panels, kinds.items(), strict=True):
        for number, (name, rows) in enumerate(own.items()):
            errors = [100 * values(rows, f"{metric}_{e}").mean() for e in EPSILONS]
            style = {"marker": MARKS[number], "ms": 4, "label": name}
            panel.plot([0, *map(float, EPSILONS)], [_clean(rows), *errors], **style)
        panel.set(title=title, xlabel="ε, of 255", ylim=(0, 100))
        panel.xaxis.set_tick_params(labelbottom=True)
        panel.grid(alpha=0.3)
    for panel in grid[:, 0]:
        panel.set(ylabel="error, %")
    figure.suptitle("Lower is harder to fool, unless noise or the black box does more")
    handles, labels = panels[0].get_legend_handles_labels()
    rest.legend(handles, labels, loc="center", frameon=False)
    return figure


def calibration(folder):
    """The calibration error before and after temperature scaling."""
    own = _read(folder, "fashion_55000")
    if own is None:
        return None
    figure = Figure(figsize=(8, 4), layout="constrained")
    panel = figure.subplots()
    shown = {"ece": "as trained", "scaled_ece": "with a temperature"}
    _pairs_of_bars(panel, own, shown)
    panel.set(
        ylabel="expected calibration error, %",
        title="Lower is better calibrated (mean and standard deviation)",
    )
    return _with_legend(figure, panel)


def corruptions(folder):
    """Errors under each kind of corruption, the mean over five strengths."""
    own = _read(folder, "fashion_55000")
    if own is None:
        return None
    figure = Figure(figsize=(9, 4), layout="constrained")
    panel = figure.subplots()
    width = 0.8 / len(own)
    for number, (name, rows) in enumerate(own.items()):
        means = [100 * values(rows, f"corrupted_error_{kind}").mean() for kind in KINDS]
        at = np.arange(len(KINDS)) + width * (number - (len(own) - 1) / 2)
        panel.plot(at, means, MARKS[number], ms=5, label=name)
    panel.set_xticks(np.arange(len(KINDS)), KINDS)
    panel.set(
        ylabel="error, %",
        title="Lower is more robust: errors on corrupted images, mean of 5 strengths",
    )
    panel.grid(alpha=0.3)
    return _with_legend(figure, panel)


FIGURES = {
    "gain_against_data": gain_against_data,
    "error_against_k": error_against_k,
    "wrong_labels": wrong_labels,
    "attacks": attacks,
    "calibration": calibration,
    "corruptions": corruptions,
}


def _read(folder, name):
    """A dict method -> records, plain training first, or None without a file."""
    path = folder / f"{name}.csv"
    if not path.exists():
        return None
    own = by_method(read_measured(path))
    # Records stand in the order in which the runs ended.
    return dict(sorted(own.items(), key=lambda item: (item[0] != "erm", item[0])))


def _clean(rows):
    return 100 * values(rows, "last_error").mean()


def _difference(rows, others, metric, factor):
    """(mean, low, high) of paired differences, in the unit of the figure."""
    found = mean_difference(*paired(rows, others, metric))[:3]
    return tuple(factor * value for value in found)


def _intervals(panel, at, found, label, number):
    means, lows, highs = np.array(found).T
    reach = np.nan_to_num([means - lows, highs - means])
    style = {"marker": MARKS[number], "ms": 4, "capsize": 2, "linewidth": 1.2}
    panel.errorbar(at, means, reach, label=label, **style)


def _pairs_of_bars(panel, own, shown):
    """Two bars a method, dark and light: mean and standard deviation, in percent.

    Args:
        panel: to draw in.
        own: method -> records.
        shown: the metric of either bar -> its name in the legend.
    """
    at, looks = np.arange(len(own)), ((-0.2, "#08519c"), (0.2, "#9ecae1"))
    for (offset, color), (metric, label) in zip(looks, shown.items(), strict=True):
        found = [100 * values(rows, metric) for rows in own.values()]
        means = [np.nanmean(each) for each in found]
        spread = [np.nanstd(each, ddof=1) if len(each) > 1 else 0 for each in found]
        style = {"yerr": spread, "capsize": 2, "color": color, "label": label}
        panel.bar(at + offset, means, 0.38, **style)
    panel.set_xticks(at, list(own), rotation=25, ha="right")


def _with_grid(panel):
    panel.axhline(0, color="0.6", linewidth=0.8)
    panel.minorticks_off()
    panel.grid(alpha=0.3)


def _with_legend(figure, panel):
    """One legend for all panels, outside of them."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right center", frameon=False, fontsize=8
    )
    return figure
