"""Figures of what this library measures; each function returns one to save or show."""

from itertools import cycle

import numpy as np

from keras_multimix.annotations import Structure
from keras_multimix.arguments import invalid

_MOST_IN_A_ROW = 4  # reliability diagrams: more would be too small to read
# Curves differ by more than their colour, which not everybody sees.
_MARKS = "osv^DPX<>*"
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))


def plot_reliability(bins):
    """Draws a reliability diagram for each model: accuracy against confidence.

    The bars show the accuracy in each bin. The hatched part is the difference between
    the accuracy and the mean confidence of the bin. The lower bars show how many rows
    each bin holds.

    Args:
        bins: A dict from the name of a model to what
            `metrics.ExpectedCalibrationError.bins` returned for it.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is none to draw.
        ImportError: Without matplotlib.

    References:
        DeGroot and Fienberg, The Statistician 32 (1), 1983.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.evaluation import plot_reliability
    >>> from keras_multimix.metrics import ExpectedCalibrationError
    >>> metric = ExpectedCalibrationError()
    >>> metric.update_state([0, 1], np.array([[0.9, 0.1], [0.7, 0.3]]))
    >>> figure = plot_reliability({"my model": metric.bins()})
    """
    _check_some("bins", bins)
    num_columns = min(len(bins), _MOST_IN_A_ROW)
    num_rows = -(-len(bins) // num_columns)
    figure = _figure(3.4 * num_columns + 0.6, 4.4 * num_rows)
    grid = figure.subplots(
        2 * num_rows,
        num_columns,
        squeeze=False,
        sharex=True,
        height_ratios=[3, 1] * num_rows,
        sharey="row",
    )
    # Axes of one model after another: (2, number of places).
    axes = grid.reshape(num_rows, 2, num_columns).transpose(1, 0, 2).reshape(2, -1)
    for unused in axes[:, len(bins) :].flat:
        unused.set_visible(False)
    for (upper, lower), (name, each) in zip(axes.T, bins.items(), strict=False):
        number = len(each["weight"])
        middles, width = (np.arange(number) + 0.5) / number, 1 / number
        accuracy, confidence = each["accuracy"], each["confidence"]
        upper.bar(middles, accuracy, width, edgecolor="white", label="accuracy")
        upper.bar(
            middles,
            confidence - accuracy,
            width,
            bottom=accuracy,
            color="none",
            edgecolor="tab:red",
            hatch="//",
            linewidth=0.6,
            label="gap to confidence",
        )
        upper.plot([0, 1], [0, 1], color="0.4", linestyle="--", linewidth=1)
        total = each["weight"].sum()
        gaps = np.nan_to_num(np.abs(accuracy - confidence))
        error = float((each["weight"] * gaps).sum() / total) if total else 0.0
        upper.set(title=f"{name}\nECE {100 * error:.1f} %", xlim=(0, 1), ylim=(0, 1))
        lower.bar(middles, each["weight"], width, color="0.6", edgecolor="white")
        lower.set(xlabel="confidence")
    for upper, lower in zip(grid[::2, 0], grid[1::2, 0], strict=True):
        upper.set(ylabel="accuracy")
        lower.set(ylabel="rows")
    # Bars may stand behind it.
    grid[0, 0].legend(framealpha=0.9, edgecolor="none", fontsize=8, loc="upper left")
    return figure


def plot_profile(profiles):
    """Draws the profiles of several models between training samples, side by side.

    Args:
        profiles: A dict from the name of a model to what `interpolation_profile`
            returned for it.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is none to draw.
        ImportError: Without matplotlib.

    References:
        Figure 2 of Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR
        2018.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.evaluation import plot_profile
    >>> zeros = np.zeros(2)
    >>> profile = {"coefficients": np.array([0, 1])}
    >>> profile |= {"misses": zeros, "gradient_norm": zeros}
    >>> figure = plot_profile({"erm": profile})
    """
    _check_some("profiles", profiles)
    figure = _figure(9, 3.6)
    panels = figure.subplots(1, 2)
    for (name, profile), mark in zip(profiles.items(), cycle(_MARKS), strict=False):
        λ, style = profile["coefficients"], {"marker": mark, "ms": 4, "label": name}
        panels[0].plot(λ, 100 * profile["misses"], **style)
        panels[1].plot(λ, profile["gradient_norm"], **style)
    panels[0].set(xlabel="λ", ylabel="prediction is neither label (%)")
    panels[1].set(xlabel="λ", ylabel="norm of the input gradient")
    panels[0].legend(frameon=False)
    for panel in panels:
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    figure.suptitle("Between two training samples, λ·x + (1−λ)·x[partner]")
    return figure


def plot_variance(curves, title="Variance of the gradient"):
    """Draws the variance of the gradient against K, with bars of one standard error.

    `gradient_variance` measures it.

    Args:
        curves: A dict from the name of a curve to a dict of sequences of one length:
            `"num_interpolations"`, `"total"` and `"total_error"`.
        title: The title of the figure.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is none to draw.
        ImportError: Without matplotlib.

    Example:

    >>> from keras_multimix.evaluation import plot_variance
    >>> curve = {"num_interpolations": [1, 2], "total": [1.0, 0.8]}
    >>> figure = plot_variance({"independent": curve | {"total_error": [0.02, 0.02]}})
    """
    _check_some("curves", curves)
    figure = _figure(6, 4)
    panel = figure.subplots()
    for name, curve in curves.items():
        panel.errorbar(
            curve["num_interpolations"],
            curve["total"],
            curve["total_error"],
            marker=".",
            capsize=2,
            linewidth=1.2,
            label=name,
        )
    ticks = sorted({k for each in curves.values() for k in each["num_interpolations"]})
    panel.set(xscale="log", xlabel="K, interpolations of each pair", ylabel="variance")
    panel.set_xticks(ticks, [str(k) for k in ticks])
    panel.minorticks_off()
    panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    panel.legend(frameon=False)
    panel.set_title(title)
    return figure


def plot_learning_curves(runs, metrics, x: Structure = None, xlabel="epoch"):
    """Draws metrics during training: the mean over a method's runs, and their spread.

    The bands show one standard deviation of the runs, computed with n − 1.

    Args:
        runs: A dict from the name of a method to the list of its runs, each a dict from
            the name of a metric to its values, such as `model.fit(...).history`. The
            runs of a method have the same length.
        metrics: The names of the metrics to draw: a list, or a dict from each name to
            the label of its axis.
        x: Where the values belong, a dict from the name of a method to a sequence; None
            counts from 1.
        xlabel: What `x` is.

    Returns:
        A `matplotlib.figure.Figure`, its vertical axes logarithmic where all values are
        above zero.

    Raises:
        ValueError: If there is none to draw.
        ImportError: Without matplotlib.

    Example:

    >>> from keras_multimix.evaluation import plot_learning_curves
    >>> runs = {"erm": [{"loss": [2.0, 1.0]}, {"loss": [2.2, 1.2]}]}
    >>> figure = plot_learning_curves(runs, ["loss"])
    """
    _check_some("runs", runs)
    metrics = metrics if isinstance(metrics, dict) else {name: name for name in metrics}
    _check_some("metrics", metrics)
    figure = _figure(5.2 * len(metrics), 4)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, (metric, label) in zip(panels, metrics.items(), strict=True):
        positive = True
        for (name, own), dashes in zip(runs.items(), cycle(_DASHES), strict=False):
            values = np.array([run[metric] for run in own], dtype="float64")
            at = np.arange(1, values.shape[1] + 1) if x is None else x[name]
            positive &= bool((values > 0).all())
            mean = values.mean(axis=0)
            (line,) = panel.plot(at, mean, ls=dashes, label=name, linewidth=1.5)
            if len(own) > 1:
                spread = values.std(axis=0, ddof=1)
                # A logarithmic axis has no room below zero.
                low = mean - spread
                low = np.maximum(low, 0.02 * mean) if positive else low
                panel.fill_between(
                    at, low, mean + spread, color=line.get_color(), alpha=0.12
                )
        panel.set(xlabel=xlabel, ylabel=label, yscale="log" if positive else "linear")
        low, high = panel.get_ylim()
        if positive and high > 8 * low:
            # All nine of a decade would stand on each other.
            panel.yaxis.get_minor_locator().set_params(subs=(2, 5))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}")
        panel.tick_params(axis="y", which="both", labelsize=8)
        panel.grid(alpha=0.3, which="both")
    panels[0].legend(frameon=False)
    return figure


def plot_examples(examples, titles=None, num_columns=8):
    """Draws a grid of images or spectrograms, such as mixed ones.

    One scale of grey serves all examples of one channel.

    Args:
        examples: Shape `(N, height, width)`, `(N, height, width, 1)`, or with three
            channels of colour in [0, 1].
        titles: A title for each example, such as its λ; None for no titles.
        num_columns: How many stand in a row.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: For examples that are no images, or if there is not one title for
            each example.
        ImportError: Without matplotlib.

    Example:

    >>> import numpy as np
    >>> from keras_multimix.evaluation import plot_examples
    >>> figure = plot_examples(np.zeros((3, 8, 8, 1)), ["λ = 1", "λ = 0.5", "λ = 0"])
    """
    examples = np.asarray(examples, dtype="float32")
    if examples.ndim == 3:
        examples = examples[..., None]
    if examples.ndim != 4 or examples.shape[-1] not in (1, 3) or not len(examples):
        raise invalid(
            "argument `examples`",
            expected="one or more images, shape (N, height, width) and 1 or 3 channels",
            received=f"shape {examples.shape}",
            fix="pick the channels to look at",
        )
    if titles is not None and len(titles) != len(examples):
        raise invalid(
            "argument `titles`",
            expected=f"{len(examples)}, one for each example",
            received=f"{len(titles)}",
            fix="pass as many, or None",
        )
    columns = min(num_columns, len(examples))
    lines = -(-len(examples) // columns)
    figure = _figure(1.5 * columns, 1.8 * lines + 0.2)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    limits = {"vmin": float(examples.min()), "vmax": float(examples.max())}
    for panel in panels[len(examples) :]:
        panel.set_axis_off()
    for index, (panel, example) in enumerate(zip(panels, examples, strict=False)):
        panel.set(xticks=[], yticks=[])
        if example.shape[-1] == 3:
            panel.imshow(example.clip(0, 1))
        else:
            panel.imshow(example[..., 0], cmap="gray", **limits)
        if titles is not None:
            panel.set_title(titles[index], fontsize=10)
    return figure


def _figure(width, height):
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Figures are drawn with matplotlib. To fix it, "
            '`pip install "keras-multimix[plots]"`.'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def _check_some(name, given):
    if not isinstance(given, dict) or not given:
        raise invalid(
            f"argument `{name}`",
            expected="a dict that is not empty",
            received=f"{given!r:.60}",
            fix="name each curve, for instance `{'erm': …}`",
        )
