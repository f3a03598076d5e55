"""The paired tests of a family, over the records in `measured`."""

from typing import NamedTuple

from recipes.parts.families import Comparison
from recipes.shared.columns import ALL_COLUMNS, Column, with_parts
from recipes.shared.results import read_measured
from recipes.shared.statistics import by_method, holm, mean_difference, paired


class Result(NamedTuple):
    """A method against another, on the seeds that both have.

    Attributes:
        comparison: what is compared.
        column: how its metric is written.
        count: number of seeds.
        base: the mean of the reference.
        mean: mean of the differences.
        low: lower end of its 95 % confidence interval.
        high: upper end.
        p: of a two-sided paired t-test.
        holm: p corrected for the tests of the family.
    """

    comparison: Comparison
    column: Column
    count: int
    base: float
    mean: float
    low: float
    high: float
    p: float
    holm: float

    def texts(self):
        """(difference, interval), in the column's unit; one seed has no interval."""
        numbers = [
            f"{self.column.factor * number:+.{self.column.decimals}f}"
            for number in (self.mean, self.low, self.high)
        ]
        interval = f"{numbers[1]} to {numbers[2]}" if self.count > 1 else ""
        return numbers[0], interval


def results(comparisons, folder):
    """Tests all of a family.

    Args:
        comparisons: a list of `recipes.parts.families.Comparison`.
        folder: with the records, FILE.csv each.

    Returns:
        A list of `Result` and one of what is missing, in which case there are no
        results: a correction for fewer tests would not be the planned one.
    """
    names = {name for c in comparisons for name in (c.file, c.reference_file or c.file)}
    paths = {name: folder / f"{name}.csv" for name in sorted(names)}
    missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        return [], missing
    records = {name: read_measured(path) for name, path in paths.items()}
    found = []
    for each in comparisons:
        rows = by_method(records[each.file]).get(each.method, [])
        others = by_method(records[each.reference_file or each.file])
        others = others.get(each.reference, [])
        ours, base = paired(rows, others, each.metric) if rows and others else ([], [])
        if not len(ours):
            return [], [f"{each.method} and {each.reference} in {each.file}"]
        columns = with_parts(rows, ALL_COLUMNS)
        column = next(c for c in columns if c.metric == each.metric)
        mean, low, high, p = mean_difference(ours, base)
        numbers = (len(ours), float(base.mean()), mean, low, high, p)
        found.append(Result(each, column, *numbers, holm=float("nan")))
    corrected = holm([result.p for result in found])
    return [r._replace(holm=p) for r, p in zip(found, corrected, strict=True)], []
