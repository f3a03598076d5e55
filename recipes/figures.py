"""The figures of the recipes, drawn without a screen."""

import numpy as np
from matplotlib.figure import Figure


def save_learning_curves(path, curves, metrics):
    """Draws metrics on the test set against the share of training that is done.

    Args:
        path: PNG to write.
        curves: dict (method, seed) -> list of points, dicts with `share` and
            metrics, at the same shares for every seed of a method.
        metrics: dict name in the points -> (label of the axis, factor).
    """
    figure = Figure(figsize=(5.5 * len(metrics), 4.2), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, (metric, (label, factor)) in zip(panels, metrics.items(), strict=True):
        for method in dict.fromkeys(method for method, _ in curves):
            _draw_band(panel, method, curves, metric, factor)
        panel.set(xlabel="share of training done (%)", ylabel=label, yscale="log")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}")
        panel.tick_params(axis="y", which="both", labelsize=8)
        panel.grid(alpha=0.3, which="both")
    panels[0].legend(frameon=False)
    figure.suptitle("On the test images: mean and standard deviation over the seeds")
    figure.savefig(path, dpi=120)


def _draw_band(panel, method, curves, metric, factor):
    """One method's mean over its seeds, with a band of one standard deviation."""
    runs = [points for (name, _), points in curves.items() if name == method]
    shares = [100 * point["share"] for point in runs[0]]
    numbers = factor * np.array([[point[metric] for point in run] for run in runs])
    mean = numbers.mean(axis=0)
    (line,) = panel.plot(shares, mean, label=method, linewidth=1.5)
    if len(runs) > 1:
        std = numbers.std(axis=0, ddof=1)
        # A log axis has no room below zero.
        low = np.maximum(mean - std, 0.02 * mean)
        panel.fill_between(shares, low, mean + std, color=line.get_color(), alpha=0.12)


def save_walk(path, images, coefficients, title):
    """Draws a walk from one image to its partner, λ above each picture.

    Args:
        path: PNG to write.
        images: (K + 2, height, width) in [0, 1]: the image, the K mixtures in
            order, the partner.
        coefficients: (K + 2,) the share λ of the first image in each picture.
        title: what is seen.
    """
    figure = Figure(figsize=(1.4 * len(images), 2.2), layout="constrained")
    panels = figure.subplots(1, len(images))
    for panel, image, coefficient in zip(panels, images, coefficients, strict=True):
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        panel.set_title(f"λ = {coefficient:.2f}", fontsize=11)
        panel.set(xticks=[], yticks=[])
    panels[0].set_xlabel("image")
    panels[-1].set_xlabel("partner")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
