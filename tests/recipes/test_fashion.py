"""The Fashion-MNIST recipe, small: settings, data, one whole run of each kind."""

import gzip

import keras
import numpy as np
import pytest

from keras_multimix import MixupModel
from recipes import fashion
from recipes.datasets import fashion as dataset
from recipes.datasets.batches import two_datasets
from recipes.shared.methods import build_mixer
from tests.recipes.images import write_fashion

ROWS = {"train": 60, "t10k": 40}
SMALL = ["--seeds", "1", "--epochs", "1", "--width", "2", "--batch-size", "20"]
SMALL += ["--validation-size", "20"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the four files, of few images that a net can tell apart."""
    for part, count in ROWS.items():
        monkeypatch.setitem(dataset._COUNTS, part, count)
    write_fashion(tmp_path, ROWS.items())
    fashion._load_split.cache_clear()
    yield tmp_path
    fashion._load_split.cache_clear()


def options_of(folder, *arguments):
    data = ["--data-dir", str(folder), "--output", str(folder / "o")]
    backend = ["--backend", keras.config.backend()]
    return [*SMALL, *backend, *data, *arguments]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"train_size": 2000, "alpha": 1.0, "num_interpolations": 2, "seeds": 3}),
        (
            ["--preset", "full"],
            {"train_size": None, "epochs": 30, "seeds": 5, "augment": None}
            | {"validation_size": 5000, "learning_rate": 0.1, "optimizer": "sgd"},
        ),
        (
            ["--preset", "keras_example"],
            {"epochs": 10, "batch_size": 64, "alpha": 0.2, "optimizer": "adam"}
            | {"learning_rate": 1e-3, "schedule": "constant", "seeds": 10},
        ),
        (
            ["--preset", "wrong_labels"],
            {"corrupt": 0.5, "alpha": 32.0, "width": 512}
            | {"methods": list(fashion.CORRUPT_METHODS)},
        ),
        (["--preset", "wrong_labels", "--corrupt", "0.2"], {"alpha": 8.0}),
        (["--epsilon", "2"], {"epsilon": 2.0}),
        (["--epsilon", "2", "8"], {"epsilon": [2.0, 8.0]}),
        (["--measure-on", "test"], {"measure_on": None}),
    ],
)
def test_settings(arguments, expected):
    options = fashion.parse_options(arguments)
    assert {name: getattr(options, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--measure-on", "validation", "--validation-size", "0"], "held out"),
        (["--optimizer", "adam"], "schedule of Adam"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        fashion.parse_options(arguments)
    printed = capsys.readouterr().err
    assert message in printed and "Received" in printed


def test_data(folder):
    x_train, y_train, x_test, y_test = dataset.load(folder)
    assert (x_train.shape, x_test.shape) == ((60, 28, 28), (40, 28, 28))
    np.testing.assert_array_equal(y_test, np.arange(40) % 10)
    assert x_train[9].min() >= 180
    split = dataset.load_split(folder)
    np.testing.assert_allclose(split.train_inputs[..., 0], x_train / 255, atol=1e-6)
    few = dataset.load_split(folder, train_size=30, test_size=20, seed=1)
    assert np.bincount(few.train_labels).tolist() == [3] * 10
    assert np.bincount(few.test_labels).tolist() == [2] * 10
    (folder / "fashion-mnist").mkdir()
    for path in folder.glob("*.gz"):
        path.rename(folder / "fashion-mnist" / path.name)
    np.testing.assert_array_equal(dataset.load(folder)[0], x_train)


def test_half_a_file_of_labels_is_refused(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(8 + 11)))
    with pytest.raises(ValueError, match="Expected 40 labels.*11 labels"):
        dataset.load(folder)


def test_rows_held_out_come_on_top_and_keep_their_labels(folder):
    arguments = options_of(folder, "--train-size", "30", "--corrupt", "1")
    options = fashion.parse_options(arguments)
    split, labels = fashion.load_data(options, 0)
    assert len(split.train_labels) == 30 and len(split.validation_labels) == 20
    assert (labels != split.train_labels).any()
    means = np.mean(split.validation_inputs, axis=(1, 2, 3))
    order = np.argsort(means)
    np.testing.assert_array_equal(split.validation_labels[order], np.arange(20) // 2)


def test_a_share_may_be_held_out(folder):
    arguments = options_of(folder, "--train-size", "30", "--validation-size", "0.4")
    split, _ = fashion.load_data(fashion.parse_options(arguments), 0)
    assert len(split.train_labels) == 30 and len(split.validation_labels) == 20


def test_measuring_on_validation_rows_leaves_the_test_rows_alone(folder):
    arguments = options_of(folder, "--measure-on", "validation")
    split, _ = fashion.load_data(fashion.parse_options(arguments), 0)
    usual, _ = fashion.load_data(fashion.parse_options(options_of(folder)), 0)
    np.testing.assert_array_equal(split.test_inputs, usual.validation_inputs)
    np.testing.assert_array_equal(split.test_labels, usual.validation_labels)
    np.testing.assert_array_equal(split.train_inputs, usual.train_inputs)
    assert split.validation_inputs is None


@pytest.mark.parametrize(
    "name",
    ["mixup_two_datasets", "mixup_dropout", "mixup_layer_5", "multimix_same_rows"],
)
def test_a_method_makes_a_model(name, folder):
    options = fashion.parse_options(options_of(folder))
    split, _ = fashion.load_data(options, 0)
    method = fashion.FASHION_METHODS[name]
    network = fashion.build_network(split, options, 0.5 * method.dropout)
    mixer = build_mixer(method, options, 0)
    MixupModel(network, mixer, mix_at=list(method.mix_at) or None)
    dropouts = [
        layer.rate for layer in network._flatten_layers() if hasattr(layer, "rate")
    ]
    assert any(rate == 0.5 for rate in dropouts) == method.dropout


def test_the_perceptron_drops_units(folder):
    arguments = options_of(folder, "--network", "mlp")
    options = fashion.parse_options(arguments)
    split, _ = fashion.load_data(options, 0)
    for rate in (0.0, 0.3):
        layers = fashion.build_network(split, options, rate)._flatten_layers()
        kinds = [type(layer).__name__ for layer in layers]
        assert kinds.count("Dropout") == (2 if rate else 0)


def test_two_datasets_have_the_same_rows_in_two_orders():
    x, y = np.arange(7.0), np.arange(7)
    batches = two_datasets(x, y, 3, seed=1)
    epochs = []
    for _ in range(2):
        halves = zip(*(batches[i] for i in range(len(batches))), strict=True)
        own, partner = (np.concatenate([b[1] for b in half]) for half in halves)
        for order in (own, partner):
            np.testing.assert_array_equal(np.sort(order), y)
        assert (own != partner).any()
        epochs.append((own, partner))
        batches.on_epoch_end()
    assert all((a != b).any() for a, b in zip(*epochs, strict=True))


@pytest.mark.spread
@pytest.mark.parametrize(
    "attack",
    [("fgsm", "noise"), pytest.param(("ifgsm",), marks=pytest.mark.slow)],
)
def test_a_run_with_attacks_and_corruptions(attack, folder, capsys):
    arguments = ["--methods", "multimix", "--attack", *attack, "--epsilon", "2", "16"]
    arguments += ["--attack-size", "20", "--corruptions", "--width", "4"]
    (record,) = fashion.main(options_of(folder, *arguments))
    metrics = record["metrics"]
    for epsilon in (2, 16):
        for name in attack:
            assert 0 <= metrics[f"{name}_error_{epsilon}"] <= 1
    assert f"{attack[0]}_black_box_error_2" in metrics
    assert "noise_black_box_error_2" not in metrics
    errors = record["corruptions"]["error"]
    assert len(errors) == 30
    assert metrics["corrupted_error"] == pytest.approx(np.mean(list(errors.values())))
    fog = np.mean([errors[f"fog_{strength}"] for strength in range(1, 6)])
    assert metrics["corrupted_error_fog"] == pytest.approx(fog)
    assert "temperature" in metrics and metrics["cpu_seconds"] > 0
    printed = capsys.readouterr().out
    for text in ("NLL at T", "FGSM", "(16)", "(fog)"):
        assert text in printed


@pytest.mark.spread
@pytest.mark.parametrize("preset", ["keras_example", "wrong_labels"])
def test_the_other_presets_run(preset, folder):
    arguments = ["--preset", preset, *options_of(folder), "--no-profile"]
    methods = ["mixup_two_datasets", "mixup_dropout"]
    records = fashion.main([*arguments, "--methods", *methods])
    for record in records:
        assert 0 <= record["metrics"]["test_error"] <= 1


@pytest.mark.slow
def test_crops_and_flips_on_validation_rows(folder):
    arguments = ["--augment", "--measure-on", "validation", "--methods", "mixup"]
    (record,) = fashion.main(options_of(folder, *arguments))
    assert 0 <= record["metrics"]["last_error"] <= 1
    assert "temperature" not in record["metrics"]
