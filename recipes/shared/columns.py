"""The columns of the tables: which metric, under which heading, in which unit."""

from typing import NamedTuple

from recipes.shared.statistics import mean_and_std, values


class Column(NamedTuple):
    """One column of a table of results.

    Attributes:
        metric: its name in the records.
        heading: what stands above it, with the unit.
        factor: the metric times this number is shown; 100 shows a share in percent.
        decimals: how many are shown.
    """

    metric: str
    heading: str
    factor: int
    decimals: int

    def text(self, records):
        """The cell of one method: mean ± standard deviation over its records."""
        return mean_and_std(self.factor * values(records, self.metric), self.decimals)


COLUMNS = (
    Column("test_error", "test error %", 100, 2),
    Column("nll", "NLL", 1, 3),
    Column("ece", "ECE %", 100, 1),
)
# After temperature scaling, where validation rows were held out.
SCALED_COLUMNS = (
    Column("temperature", "T", 1, 2),
    Column("scaled_nll", "NLL at T", 1, 3),
    Column("scaled_ece", "ECE at T %", 100, 1),
)
# The test error as the median over the last epochs, as the mixup paper reports it.
LAST_COLUMNS = (Column("last_error", "test error %", 100, 2), *COLUMNS[1:])
CORRUPT_COLUMNS = (
    Column("last_error", "last error %", 100, 2),
    Column("best_error", "best error %", 100, 2),
    *COLUMNS[1:],
)
MORE_COLUMNS = (
    Column("train_error", "train error %", 100, 2),
    Column("train_error_corrupted", "on the labels learned %", 100, 2),
    Column("profile_misses", "between samples: misses %", 100, 2),
    Column("profile_gradient", "and gradient", 1, 3),
    Column("fgsm_error", "FGSM error %", 100, 1),
    Column("ifgsm_error", "I-FGSM error %", 100, 1),
    Column("fgsm_black_box_error", "black box: FGSM %", 100, 1),
    Column("ifgsm_black_box_error", "black box: I-FGSM %", 100, 1),
    Column("noise_error", "noise of that size %", 100, 1),
    Column("corrupted_error", "corrupted images: error %", 100, 2),
    Column("corrupted_ece", "corrupted images: ECE %", 100, 1),
)
REGRESSION_COLUMNS = (
    Column("rmse", "RMSE", 1, 3),
    Column("alpha", "α", 1, 1),
    Column("bandwidth", "σ", 1, 2),
)
# Points have all, images the last three.
GAN_COLUMNS = (
    Column("modes", "modes covered", 1, 1),
    Column("even_modes", "evenly", 1, 1),
    Column("good_share", "good samples %", 100, 1),
    Column("discriminator_loss", "d loss", 1, 3),
    Column("generator_loss", "g loss", 1, 3),
    Column("seconds", "s/run", 1, 0),
)
# Each metric once, for tables outside of the recipes.
ALL_COLUMNS = (
    *COLUMNS,
    *CORRUPT_COLUMNS[:2],
    *REGRESSION_COLUMNS,
    *SCALED_COLUMNS,
    *MORE_COLUMNS,
    *GAN_COLUMNS[:-1],
    Column("seconds", "s/run", 1, 1),
    Column("cpu_seconds", "processor s/run", 1, 1),
)


def known_columns(records, columns):
    """Those of `columns` that the records have."""
    return [each for each in columns if each.metric in records[0]["metrics"]]


def with_parts(records, columns):
    """Those of `columns` that the records have, and what they have of parts of them.

    A part of a metric ends in its name: `fgsm_error_8` at ε = 8 of 255,
    `corrupted_error_fog` in fog.
    """
    metrics, own = records[0]["metrics"], {column.metric for column in columns}
    found = []
    for column in columns:
        if column.metric in metrics:
            found.append(column)
        start = f"{column.metric}_"
        for metric in metrics:
            if metric.startswith(start) and metric not in own:
                heading = f"{column.heading} ({metric.removeprefix(start)})"
                found.append(column._replace(metric=metric, heading=heading))
    return found
