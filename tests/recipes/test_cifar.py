"""The CIFAR recipe, small: settings, one whole run of each kind."""

import keras
import numpy as np
import pytest

from keras_multimix import MixupModel
from recipes import cifar
from recipes.parts import robustness
from recipes.shared.methods import build_mixer
from recipes.shared.results import without_nan
from tests.recipes.images import write_cifar

SMALL = ["--seeds", "1", "--epochs", "1", "--width", "2", "--image-size", "8"]
SMALL += ["--train-size", "40", "--test-size", "20", "--padding", "1"]


def run(tmp_path, *arguments):
    data = ["--data-dir", str(write_cifar(tmp_path)), "--output", str(tmp_path / "o")]
    backend = ["--backend", keras.config.backend()]
    return cifar.main([*backend, *SMALL, *data, *arguments])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"alpha": 1.0, "epochs": 60, "seeds": 5, "num_interpolations": 2}),
        (["--corrupt", "0.2"], {"alpha": 8.0, "dropout": 0.5}),
        (["--corrupt", "0.2", "--preset", "paper"], {"alpha": 8.0, "dropout": 0.7}),
        (["--corrupt", "0.5", "--preset", "paper"], {"alpha": 32.0, "dropout": 0.8}),
        (["--corrupt", "0.8", "--alpha", "1"], {"alpha": 1.0}),
        (
            ["--preset", "paper", "--network", "wide_resnet"],
            {"schedule": "steps_of_wide_resnet"},
        ),
        (
            ["--preset", "paper"],
            {"epochs": 200, "batch_size": 128, "width": 64, "weight_decay": 1e-4}
            | {"learning_rate": 0.1, "image_size": 32, "train_size": None}
            | {"schedule": "steps", "num_interpolations": 5, "padding": 4},
        ),
    ],
)
def test_settings(arguments, expected):
    options = cifar.parse_options(arguments)
    assert {name: getattr(options, name) for name in expected} == expected


def test_methods_follow_the_experiment():
    assert cifar.parse_options([]).methods == list(cifar.DEFAULT_METHODS)
    options = cifar.parse_options(["--corrupt", "0.5"])
    assert options.methods == list(cifar.CORRUPT_METHODS)
    ablation = cifar.parse_options(["--ablation"]).methods
    # The 22 rows of the paper's table, ERM and mixup among them.
    assert len(ablation) == 22 == len(set(ablation))


@pytest.mark.parametrize("name", cifar.CIFAR_METHODS)
def test_every_method_makes_a_model(name, tmp_path):
    options = cifar.parse_options(SMALL + ["--data-dir", str(write_cifar(tmp_path))])
    split, labels = cifar.load_data(options, 0)
    method = cifar.CIFAR_METHODS[name]
    network = cifar.build_network(split, options, 0.5 * method.dropout)
    mixer = build_mixer(method, options, 0)
    MixupModel(network, mixer, mix_at=list(method.mix_at) or None)
    dropouts = [
        layer.rate for layer in network._flatten_layers() if hasattr(layer, "rate")
    ]
    assert any(rate == 0.5 for rate in dropouts) == method.dropout
    np.testing.assert_array_equal(labels, split.train_labels)


def test_images_are_normalised_inside_the_network(tmp_path):
    options = cifar.parse_options(SMALL + ["--data-dir", str(write_cifar(tmp_path))])
    split, _ = cifar.load_data(options, 0)
    network = cifar.build_network(split, options)
    layer = next(x for x in network.layers if isinstance(x, keras.layers.Normalization))
    normalized = keras.ops.convert_to_numpy(layer(split.train_inputs[:2]))
    expected = (split.train_inputs[:2] - (0.4914, 0.4822, 0.4465)) / (
        0.2023,
        0.1994,
        0.2010,
    )
    np.testing.assert_allclose(normalized, expected, atol=1e-5)


@pytest.mark.spread
def test_a_run_with_wrong_labels_and_attacks(tmp_path, capsys):
    arguments = ("--methods", "multimix", "--corrupt", "0.5", "--attack", "fgsm")
    (record,) = run(tmp_path, *arguments, "--tensorboard")
    metrics = record["metrics"]
    for name in ("last_error", "best_error", "train_error", "train_error_corrupted"):
        assert 0 <= metrics[name] <= 1
    assert metrics["fgsm_error"] >= metrics["test_error"]
    assert 0 <= metrics["fgsm_black_box_error"] <= 1
    assert len(record["profile"]["misses"]) == 11
    printed = capsys.readouterr().out
    for text in ("last error", "FGSM", "learned", "50 %"):
        assert text in printed
    names = {path.name for path in (tmp_path / "o").rglob("*")}
    for name in ("profile.png", "cifar10_0.weights.h5", "results.csv"):
        assert name in names
    assert any(name.startswith("events.out.tfevents") for name in names)
    # Nothing is left to run: the same command only reports.
    assert without_nan(run(tmp_path, *arguments)) == without_nan([record])


@pytest.mark.slow
def test_neighbors_noise_and_smoothing_train(tmp_path, capsys):
    methods = ["inputs_neighbors", "inputs_smoothing_0.1", "noise_0.1"]
    records = run(tmp_path, "--methods", *methods, "--ablation")
    errors = [record["metrics"]["last_error"] for record in records]
    assert len(errors) == 3
    printed = capsys.readouterr().out
    order = [printed.index(f"\n{name} ") for name in methods]
    ranks = sorted(range(3), key=lambda i: errors[i])
    assert sorted(range(3), key=lambda i: order[i])[0] in {
        i for i in range(3) if errors[i] == errors[ranks[0]]
    }


def test_a_source_is_trained_once_and_read_back(tmp_path):
    def build():
        net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        return net

    trained, path = build(), tmp_path / "sources" / "a.weights.h5"
    assert robustness.source_network(path, lambda: trained, build) is trained
    again = robustness.source_network(path, pytest.fail, build)
    for one, other in zip(trained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [file.name for file in path.parent.iterdir()] == ["a.weights.h5"]
