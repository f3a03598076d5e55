"""The figures that every recipe draws from its records."""

import numpy as np

from keras_multimix.evaluation import (
    plot_learning_curves,
    plot_profile,
    plot_reliability,
)
from recipes.shared.statistics import by_method

_CURVES = {"test_error": "test error", "nll": "NLL (nats)"}
_DPI = 120
_SURE = "Below the diagonal: surer than right; above: less sure"


def save_all(records, folder):
    """Draws what the records of one data set hold; returns the paths of the PNGs."""
    drawn = {
        "learning_curves.png": _learning_curves(records),
        "reliability.png": _reliability(records),
        "profile.png": _profile(records),
    }
    paths = []
    for name, figure in drawn.items():
        if figure is not None:
            figure.savefig(folder / name, dpi=_DPI)
            paths.append(folder / name)
    return paths


def _learning_curves(records):
    """Metrics on the test set against the share of training that is done."""
    runs, shares = {}, {}
    for record in records:
        curve, method = record["curve"], record["method"]
        own = {name: [point[name] for point in curve] for name in _CURVES}
        runs.setdefault(method, []).append(own)
        shares[method] = [100 * point["share"] for point in curve]
    xlabel = "share of training done (%)"
    figure = plot_learning_curves(runs, _CURVES, shares, xlabel)
    figure.suptitle("On the test set: mean and standard deviation over the seeds")
    return figure


def _reliability(records):
    """One reliability diagram a method, over the test rows of all its seeds."""
    known = [record for record in records if record["reliability"]]
    merged = {
        name: _merged([record["reliability"] for record in rows])
        for name, rows in by_method(known).items()
    }
    if not merged:
        return None
    figure = plot_reliability(merged)
    figure.suptitle(_SURE, fontsize=10)
    return figure


def _merged(bins):
    weights = np.array([each["weight"] for each in bins])
    total = weights.sum(axis=0)
    merged = {"weight": total}
    for name in ("confidence", "accuracy"):
        means = np.array([each[name] for each in bins], dtype="float64")
        sums = np.where(weights > 0, weights * np.nan_to_num(means), 0).sum(axis=0)
        merged[name] = np.where(total > 0, sums / np.maximum(total, 1), np.nan)
    return merged


def _profile(records):
    """Misses and gradients between training samples, the mean over the seeds."""
    known = [record for record in records if "profile" in record]
    means = {
        name: {
            key: np.mean([record["profile"][key] for record in rows], axis=0)
            for key in rows[0]["profile"]
        }
        for name, rows in by_method(known).items()
    }
    return plot_profile(means) if means else None
