"""Records grouped, and their metrics compared: means, pairs of seeds, t-tests."""

from itertools import groupby

import numpy as np
from scipy.stats import t, ttest_rel


def by_dataset(records):
    """A dict data set -> its records, in the order of appearance."""
    found = {}
    for record in records:
        found.setdefault(record["dataset"], []).append(record)
    return found


def by_method(records):
    """A dict method -> its records sorted by seed, in the order of appearance."""
    order = list(dict.fromkeys(record["method"] for record in records))
    records = sorted(records, key=lambda r: (order.index(r["method"]), r["seed"]))
    return {name: list(rows) for name, rows in groupby(records, lambda r: r["method"])}


def ranked(records, metric):
    """The records, methods with the lowest mean of a metric first."""
    means = {
        name: values(rows, metric).mean() for name, rows in by_method(records).items()
    }
    return sorted(records, key=lambda record: means[record["method"]])


def values(records, metric):
    """The (number of records,) values of one metric."""
    return np.array([record["metrics"][metric] for record in records])


def mean_and_std(numbers, decimals):
    """For example "5.12 ± 0.78"; the sample's deviation, left out for one number."""
    mean = f"{np.mean(numbers):.{decimals}f}"
    if len(numbers) < 2:
        return mean
    return f"{mean} ± {np.std(numbers, ddof=1):.{decimals}f}"


def paired(records, reference, metric="test_error"):
    """The values of a metric on the seeds that both have, ours and the reference's."""
    theirs = {r["seed"]: r["metrics"][metric] for r in reference}
    both = [record for record in records if record["seed"] in theirs]
    return values(both, metric), np.array([theirs[record["seed"]] for record in both])


def seeds_below(records, reference, metric="test_error"):
    """On how many of the seeds both have `records` are below: for example "3 of 3"."""
    ours, base = paired(records, reference, metric)
    return f"{int((ours < base).sum())} of {len(ours)}"


def p_value(records, reference, metric="test_error"):
    """The p of a two-sided paired t-test, as text; empty where nothing is to test."""
    ours, base = paired(records, reference, metric)
    if len(ours) < 2 or np.ptp(ours - base) < 1e-9:
        return ""
    return p_text(ttest_rel(ours, base).pvalue)


def mean_difference(ours, base, confidence=0.95):
    """The mean of paired differences, and its confidence interval.

    Args:
        ours: (N,) values.
        base: (N,) values of the same seeds.
        confidence: that the interval, of Student's t, holds the true mean.

    Returns:
        (mean, low, high, p), p that of a two-sided paired t-test; the last three are
        NaN for fewer than two pairs. Where all differences are equal, p is 1 for a
        difference of 0 and NaN for another: there is no variance to compare it with.
    """
    difference = np.asarray(ours, dtype="float64") - base
    mean, nothing = float(difference.mean()), float("nan")
    if len(difference) < 2:
        return mean, nothing, nothing, nothing
    if np.ptp(difference) < 1e-12:
        return mean, mean, mean, 1.0 if abs(mean) < 1e-12 else nothing
    quantile = t.ppf((1 + confidence) / 2, len(difference) - 1)
    reach = quantile * difference.std(ddof=1) / np.sqrt(len(difference))
    return mean, mean - reach, mean + reach, float(ttest_rel(ours, base).pvalue)


def holm(p_values):
    """Corrects p values for the number of tests, by the method of Holm (1979).

    Args:
        p_values: those of one family; NaN stays NaN but counts as a test.

    Returns:
        A list of floats in the same order, each at most 1.
    """
    count = len(p_values)
    order = sorted(range(count), key=lambda i: (np.isnan(p_values[i]), p_values[i]))
    corrected, highest = [float("nan")] * count, 0.0
    for rank, index in enumerate(order):
        if np.isnan(p_values[index]):
            break
        highest = max(highest, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def p_text(p):
    """For example ".023" or "< .001"; empty for NaN."""
    if np.isnan(p):
        return ""
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
