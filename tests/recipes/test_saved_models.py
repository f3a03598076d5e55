"""Saved nets are plain Keras models, and measured again as in their record."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from benchmarks.killed_run import tiny_resnet
from recipes import cifar, digits, evaluate, fashion, imagenet
from recipes.datasets import fashion as fashion_mnist
from recipes.shared.curves import TestCurve
from recipes.shared.runner import Run
from recipes.shared.saved_models import ModelSaver, path_of
from tests.recipes.images import write_cifar, write_fashion
from tests.recipes.photos import write_photos

LOAD = """
import sys, keras
net = keras.saving.load_model(sys.argv[1])
assert net.output_shape == (None, 10), net.output_shape
assert not [name for name in sys.modules if name.startswith("keras_multimix")]
"""


def common(tmp_path):
    backend = keras.config.backend()
    return ["--backend", backend, "--seeds", "1", "--output", str(tmp_path / "out")]


@pytest.fixture(scope="module")
def of_digits(tmp_path_factory):
    """The record of a run, and the folder with its nets."""
    folder = tmp_path_factory.mktemp("digits")
    sizes = ["--train-size", "60", "--validation-size", "20", "--epochs", "5"]
    more = ["--methods", "multimix", "--save-models", "--learning-rate", "0.03"]
    (record,) = digits.main([*common(folder), *sizes, *more])
    return record, folder / "out" / "models"


def test_the_last_net_gives_the_numbers_of_the_record(of_digits, capsys):
    record, folder = of_digits
    found = evaluate.main([str(folder / "digits-multimix-0-last.keras")])
    assert {name: record["metrics"][name] for name in found} == pytest.approx(
        found, rel=1e-6, nan_ok=True
    )
    assert {"test_error", "nll", "ece", "scaled_nll", "scaled_ece"} <= set(found)
    assert "scaled_ece" in capsys.readouterr().out


def test_the_best_net_is_that_of_the_validation_rows(of_digits):
    record, folder = of_digits
    path = folder / "digits-multimix-0-best.keras"
    beside = json.loads(path.with_suffix(".json").read_text())
    found = evaluate.main([str(path)])
    for name, value in beside["metrics"].items():
        assert found[name] == pytest.approx(value, rel=1e-6)
    point = record["curve"][beside["epochs"] - 1]
    assert beside["metrics"] == {k: v for k, v in point.items() if k != "share"}
    options = digits.parse_options(["--train-size", "60", "--validation-size", "20"])
    split = digits.load_split(Run("digits", "multimix", 0), options)
    logits = keras.saving.load_model(path).predict(split.validation_inputs, verbose=0)
    errors = np.argmax(logits, axis=-1) != split.validation_labels
    assert np.mean(errors) == beside["validation_error"]


@pytest.mark.slow
def test_it_loads_in_a_process_without_this_package(of_digits):
    path = of_digits[1] / "digits-multimix-0-last.keras"
    subprocess.run([sys.executable, "-c", LOAD, str(path)], check=True)


def test_the_best_has_the_fewest_errors_then_the_lower_loss_then_is_the_earlier(
    tmp_path, monkeypatch
):
    measures = iter([(0.3, 1.0), (0.2, 1.0), (0.2, 0.9), (0.2, 0.9), (np.nan, 0.1)])
    monkeypatch.setattr("recipes.shared.saved_models.predict", lambda *args: None)
    monkeypatch.setattr(
        "recipes.shared.saved_models.measure",
        lambda *args: dict(zip(("test_error", "nll"), next(measures), strict=True)),
    )
    options = digits.parse_options([*common(tmp_path), "--save-models"])
    held = digits.load_split(Run("digits", "erm", 0), options)
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    curve = TestCurve(net, None, None, 5, None)
    curve.points = [{"share": 1.0, "test_error": 0.5}]
    saver = ModelSaver(net, options, Run("digits", "erm", 0), curve, held)
    best = []
    for epoch in range(5):
        saver.on_epoch_end(epoch)
        best.append(saver.best[2])
    assert best == [1, 2, 3, 3, 3]


def test_without_validation_rows_there_is_no_best(tmp_path, capsys):
    sizes = ["--train-size", "40", "--validation-size", "0", "--epochs", "1"]
    more = ["--methods", "erm", "--save-models"]
    digits.main([*common(tmp_path), *sizes, *more])
    names = {path.name for path in (tmp_path / "out" / "models").iterdir()}
    assert names == {"digits-erm-0-last.keras", "digits-erm-0-last.json"}
    assert "only the tests could say" in "".join(capsys.readouterr())


@pytest.mark.spread
def test_attacks_are_measured_again(tmp_path):
    data = ["--data-dir", str(write_cifar(tmp_path))]
    small = ["--width", "2", "--image-size", "8", "--train-size", "40", "--epochs", "1"]
    small += ["--test-size", "20", "--padding", "1", "--no-profile", "--corrupt", "0.5"]
    small += [
        "--validation-size",
        "10",
        "--attack",
        "fgsm",
        "--methods",
        "erm",
        "mixup",
    ]
    records = cifar.main([*common(tmp_path), *data, *small, "--save-models"])
    nets = tmp_path / "out" / "models"
    source = ["--source", str(nets / "cifar10-erm-1000-last.keras")]
    found = evaluate.main(
        [str(nets / "cifar10-mixup-0-last.keras"), *data, "--attack", "fgsm", *source]
    )
    assert {"fgsm_error", "fgsm_black_box_error", "scaled_nll"} <= set(found)
    metrics = records[1]["metrics"]
    assert {name: metrics[name] for name in found} == pytest.approx(
        found, rel=1e-5, nan_ok=True
    )


@pytest.mark.spread
def test_all_that_a_recipe_for_images_measures_is_measured_again(tmp_path, monkeypatch):
    for part, count in (("train", 60), ("t10k", 40)):
        monkeypatch.setitem(fashion_mnist._COUNTS, part, count)
    data = ["--data-dir", str(write_fashion(tmp_path, [("train", 60), ("t10k", 40)]))]
    small = ["--network", "mlp", "--width", "4", "--train-size", "40", "--epochs", "1"]
    small += ["--validation-size", "20", "--measure-on", "validation", "--no-profile"]
    more = ["--attack", "noise", "--epsilon", "20", "80", "--attack-size", "10"]
    more += ["--corruptions"]
    command = [*common(tmp_path), *data, *small, *more, "--methods", "erm"]
    (record,) = fashion.main([*command, "--save-models"])
    net = path_of(tmp_path / "out", Run("fashion_mnist", "erm", 0), "last")
    found = evaluate.main([str(net), *data, *more])
    assert {"noise_error_80", "corrupted_error", "corrupted_ece_fog"} <= set(found)
    expected = {name: record["metrics"][name] for name in found}
    assert found == pytest.approx(expected, rel=1e-5)
    described = ["--dataset", "fashion_mnist", *small[4:6], *small[8:12]]
    again = evaluate.main([str(net), *data, *described])
    assert again["test_error"] == record["metrics"]["test_error"]


@pytest.mark.spread
def test_a_net_for_streamed_images_is_measured_again(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.applications, "ResNet50", tiny_resnet)
    data = ["--data-dir", str(write_photos(tmp_path / "photos"))]
    small = ["--image-size", "32", "--batch-size", "4", "--epochs", "1"]
    command = [*common(tmp_path), *data, *small, "--methods", "erm", "--save-models"]
    (record,) = imagenet.main(command)
    net = path_of(tmp_path / "out", Run("photos", "erm", 0), "last")
    found = evaluate.main([str(net), *data])
    assert {name: record["metrics"][name] for name in found} == pytest.approx(found)
    assert "top5_error" in found
    with pytest.raises(ValueError, match="Leave out --attack and"):
        evaluate.main([str(net), *data, "--attack", "fgsm"])


def test_what_does_not_fit_is_refused(of_digits, tmp_path):
    path = of_digits[1] / "digits-multimix-0-last.keras"
    with pytest.raises(ValueError, match=r"rows of \(4,\) and 3 classes.*\(8, 8, 1\)"):
        evaluate.main([str(path), "--dataset", "iris"])
    alone = tmp_path / "alone.keras"
    alone.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="alone.json.*name the data with --dataset"):
        evaluate.main([str(alone)])
    with pytest.raises(ValueError, match="Expected a net in.*Take another file"):
        evaluate.main([str(alone), "--dataset", "digits"])
    with pytest.raises(SystemExit):
        evaluate.main([str(path), "--train-size", "60"])


def test_other_data_are_described_by_options(of_digits):
    record, folder = of_digits
    sizes = ["--dataset", "digits", "--train-size", "60", "--validation-size", "20"]
    found = evaluate.main([str(folder / "digits-multimix-0-last.keras"), *sizes])
    assert found["test_error"] == record["metrics"]["test_error"]
