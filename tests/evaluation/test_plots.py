"""What the figures show, read back from them."""

import numpy as np
import pytest

from keras_multimix.evaluation import (
    plot_examples,
    plot_learning_curves,
    plot_profile,
    plot_reliability,
    plot_variance,
)
from keras_multimix.metrics import ExpectedCalibrationError


def saved(figure, tmp_path):
    path = tmp_path / "figure.png"
    figure.savefig(path)
    return path.stat().st_size > 1000


def bins_of(rng, rows=200):
    p = rng.dirichlet(np.full(4, 0.4), rows)
    metric = ExpectedCalibrationError(10)
    metric.update_state(rng.integers(0, 4, rows), p)
    return metric.bins(), float(metric.result())


def test_many_reliability_diagrams_stand_in_rows(rng):
    metric = ExpectedCalibrationError()
    metric.update_state(np.arange(20) % 3, rng.dirichlet(np.ones(3), 20))
    figure = plot_reliability({name: metric.bins() for name in "abcdef"})
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 12
    titles = [axes.get_title()[:1] for axes in shown if axes.get_title()]
    assert titles == list("abcdef")
    assert len({round(axes.get_position().y0, 3) for axes in shown}) == 4


def test_reliability(rng, tmp_path):
    first, error = bins_of(rng)
    second, _ = bins_of(rng)
    figure = plot_reliability({"erm": first, "mixup": second})
    assert saved(figure, tmp_path)
    assert len(figure.axes) == 4
    panel, counts = figure.axes[0], figure.axes[2]
    heights = [bar.get_height() for bar in panel.containers[0]]
    np.testing.assert_allclose(heights, first["accuracy"])
    tops = [bar.get_y() + bar.get_height() for bar in panel.containers[1]]
    np.testing.assert_allclose(tops, first["confidence"])
    weights = [bar.get_height() for bar in counts.containers[0]]
    np.testing.assert_allclose(weights, first["weight"])
    assert f"ECE {100 * error:.1f} %" in panel.get_title()


def test_profiles(tmp_path):
    λ = np.linspace(0, 1, 3)
    profiles = {
        name: {"coefficients": λ, "misses": λ / scale, "gradient_norm": λ * scale}
        for name, scale in (("erm", 2), ("mixup", 4))
    }
    figure = plot_profile(profiles)
    assert saved(figure, tmp_path)
    misses, norms = ([line.get_ydata() for line in a.lines] for a in figure.axes)
    np.testing.assert_allclose(misses, [100 * λ / 2, 100 * λ / 4])
    np.testing.assert_allclose(norms, [λ * 2, λ * 4])


def test_variance(tmp_path):
    curve = {"num_interpolations": [1, 2, 5], "total": [1.0, 0.8, 0.7]}
    figure = plot_variance({"independent": curve | {"total_error": [0.1] * 3}})
    assert saved(figure, tmp_path)
    (panel,) = figure.axes
    heights = panel.lines[0].get_ydata().astype("float64")
    np.testing.assert_allclose(heights, curve["total"])
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "2", "5"]


@pytest.mark.parametrize("lowest", [0.1, -0.1])
def test_learning_curves(tmp_path, lowest):
    runs = {"erm": [{"loss": [2.0, lowest]}, {"loss": [3.0, lowest]}]}
    figure = plot_learning_curves(runs, {"loss": "loss (nats)"}, {"erm": [10, 20]})
    assert saved(figure, tmp_path)
    (panel,) = figure.axes
    np.testing.assert_allclose(panel.lines[0].get_xdata(), [10, 20])
    np.testing.assert_allclose(panel.lines[0].get_ydata(), [2.5, lowest])
    assert panel.get_yscale() == ("log" if lowest > 0 else "linear")
    assert panel.get_ylabel() == "loss (nats)"


@pytest.mark.parametrize("shape", [(9, 4, 6), (9, 4, 6, 1), (9, 4, 6, 3), (1, 4, 6)])
def test_examples(rng, tmp_path, shape):
    examples = rng.uniform(size=shape)
    figure = plot_examples(examples, [f"λ = {i}" for i in range(len(examples))])
    assert saved(figure, tmp_path)
    drawn = [panel for panel in figure.axes if panel.images]
    assert len(drawn) == len(examples)
    last = np.asarray(drawn[-1].images[0].get_array())
    np.testing.assert_allclose(last, examples[-1].reshape(last.shape), rtol=1e-6)
    assert drawn[-1].get_title() == f"λ = {len(examples) - 1}"


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (plot_reliability, ({},), "argument `bins`"),
        (plot_profile, ([],), "argument `profiles`"),
        (plot_variance, (None,), "argument `curves`"),
        (plot_learning_curves, ({}, ["loss"]), "argument `runs`"),
        (plot_learning_curves, ({"erm": []}, []), "argument `metrics`"),
        (plot_examples, (np.zeros((2, 3)),), "argument `examples`"),
        (plot_examples, (np.zeros((2, 3, 3, 2)),), "argument `examples`"),
        (plot_examples, (np.zeros((2, 3, 3)), ["one"]), "argument `titles`"),
    ],
)
def test_bad_input(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
