"""Records grouped, and their metrics compared: means, pairs of seeds, t-tests."""

from itertools import groupby

import numpy as np
from scipy.stats import ttest_rel


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
    p = ttest_rel(ours, base).pvalue
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
