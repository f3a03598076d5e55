"""The ImageNet recipe, small: the learning rate, top-5 errors, whole runs on photos."""

import json

import keras
import numpy as np
import pytest

from recipes import imagenet
from recipes.parts.streamed_curve import top5_error
from recipes.shared.results import without_nan
from tests.recipes.photos import write_photos

pytest.importorskip("tensorflow")
pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


def tiny_resnet(weights, input_shape, classes, classifier_activation):
    assert weights is None and classifier_activation is None
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Conv2D(4, 3, strides=4),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes),
        ]
    )


def arguments(photos, tmp_path, *more):
    return [
        *("--backend", keras.config.backend(), "--data-dir", str(photos)),
        *("--output", str(tmp_path), "--image-size", "32", "--batch-size", "4"),
        *("--epochs", "2", "--methods", "erm", "multimix", "mixup_matched", *more),
    ]


def rates(options, epochs, at_epochs, steps_per_epoch=10):
    schedule = imagenet.learning_rates(options, epochs, steps_per_epoch)
    steps = [round(epoch * steps_per_epoch) for epoch in at_epochs]
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in steps]


def test_a_stream_holds_no_rows_out(capsys):
    with pytest.raises(SystemExit):
        imagenet.parse_options(["--validation-size", "100"])
    assert "--validation-size" in capsys.readouterr().err


@pytest.mark.parametrize("epochs, falls", [(90, (30, 60, 80)), (200, (60, 120, 180))])
def test_the_papers_learning_rate(epochs, falls):
    options = imagenet.parse_options(["--preset", "paper", "--epochs", str(epochs)])
    assert rates(options, epochs, (0, 2.5, 5)) == pytest.approx([0.1, 0.25, 0.4])
    for fall, rate in zip(falls, (0.4, 0.04, 0.004), strict=True):
        before, after = rates(options, epochs, (fall - 0.1, fall + 0.1))
        assert (before, after) == pytest.approx((rate, rate / 10))
    assert (options.batch_size, options.weight_decay) == (1024, 1e-4)
    assert (options.alpha, options.image_size) == (0.2, 224)
    assert options.mixed_precision == "bfloat16"


def test_a_control_that_trains_longer_keeps_the_shape():
    options = imagenet.parse_options(["--preset", "paper", "--epochs", "200"])
    before, after = rates(options, 1000, (299.9, 300.1))
    assert (before, after) == pytest.approx((0.4, 0.04))


def test_top5_error():
    logits = np.arange(8.0)[None].repeat(4, axis=0)
    assert top5_error(logits, np.array([7, 3, 2, 0])) == 0.5
    assert top5_error(logits * np.nan, np.array([7, 3, 2, 0])) == 1.0
    assert top5_error(logits[:, :2], np.array([0, 1, 0, 1])) == 0.0


@pytest.mark.spread
def test_a_small_run(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(keras.applications, "ResNet50", tiny_resnet)
    command = arguments(photos, tmp_path)
    records = imagenet.main(command)
    assert json.loads((tmp_path / "results.json").read_text()) == without_nan(records)
    assert [r["method"] for r in records] == ["erm", "multimix", "mixup_matched"]
    for record in records:
        assert (record["recipe"], record["dataset"]) == ("imagenet", photos.name)
        assert 0 <= record["metrics"]["test_error"] <= 1
        assert record["metrics"]["top5_error"] == 0.0, "there are two classes"
        assert np.isfinite(record["metrics"]["nll"])
        assert [point["share"] for point in record["curve"]] == [0.5, 1.0]
        assert sum(record["reliability"]["weight"]) == 6, "all test images"
    assert "top-5 error %" in capsys.readouterr().out
    again = imagenet.main(command)
    assert without_nan(again) == without_nan(records), "nothing is run again"


@pytest.mark.spread
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision(photos, tmp_path, monkeypatch, precision):
    computed_in = []

    def remembering(**options):
        net = tiny_resnet(**options)
        computed_in.append((net.layers[0].compute_dtype, net.layers[0].variable_dtype))
        return net

    monkeypatch.setattr(keras.applications, "ResNet50", remembering)
    policy = keras.config.dtype_policy().name
    command = arguments(photos, tmp_path, "--mixed-precision", precision)
    (record,) = imagenet.main([*command, "--methods", "mixup", "--epochs", "1"])
    assert computed_in == [(precision, "float32")]
    assert keras.config.dtype_policy().name == policy
    assert np.isfinite(record["metrics"]["nll"])


@pytest.mark.slow
def test_resnet50_learns_photos(photos, tmp_path):
    command = arguments(photos, tmp_path, "--learning-rate", "0.02")
    (record,) = imagenet.main([*command, "--methods", "mixup", "--epochs", "4"])
    assert np.isfinite(record["metrics"]["nll"])
    first, *_, last = record["curve"]
    assert last["nll"] < 2 * first["nll"]
