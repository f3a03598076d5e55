"""What the CIFAR recipe's preset for one GPU is made of, small."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from recipes import cifar
from recipes.shared import precision
from recipes.shared.one_cycle import sgd_one_cycle
from recipes.shared.results import Results
from recipes.shared.runner import Run
from tests.recipes.images import write_cifar

SMALL = ["--preset", "gpu", "--seeds", "1", "--epochs", "1", "--width", "2"]
SMALL += ["--image-size", "8", "--padding", "1", "--batch-size", "20"]


def test_settings():
    options = cifar.parse_options(["--preset", "gpu"])
    assert options.methods == ["erm", "mixup", "multimix", "cutmix", "mixup_matched"]
    assert (options.network, options.mixed_precision) == ("resnet9", "bfloat16")
    assert (options.image_size, options.train_size, options.alpha) == (32, None, 1.0)
    assert 50_000 % options.batch_size == 0
    assert options.on_device and options.no_profile and options.minutes is None


@pytest.mark.spread
def test_a_whole_run(tmp_path, capsys):
    arguments = ["--backend", keras.config.backend(), "--output", str(tmp_path / "o")]
    arguments += ["--data-dir", str(write_cifar(tmp_path))]
    arguments += ["--compilation-cache", str(tmp_path / "compiled")]
    before = keras.config.dtype_policy().name
    records = cifar.main([*SMALL, *arguments, "--methods", "erm", "multimix"])
    assert keras.config.dtype_policy().name == before
    assert [record["method"] for record in records] == ["erm", "multimix"]
    for record in records:
        assert "profile" not in record
        assert 0 <= record["metrics"]["train_error"] <= 1
        assert np.isfinite(record["metrics"]["nll"])
    assert "resnet9, 1 epochs" in capsys.readouterr().out
    if keras.config.backend() == "jax":
        assert any((tmp_path / "compiled").iterdir())


@pytest.fixture(autouse=True)
def cache_of_before():
    yield
    if keras.config.backend() == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", None)


@pytest.mark.spread
@pytest.mark.parametrize("network", cifar.NETWORKS)
def test_mixed_precision_leaves_weights_and_logits_in_float32(network, tmp_path):
    if network in ("wide_resnet", "densenet"):
        pytest.skip("of fixed size: takes long to build, and ends like the others")
    options = cifar.parse_options([*SMALL, "--network", network])
    split = SimpleNamespace(input_shape=(8, 8, 3), num_classes=10)
    with precision.computing_in("bfloat16"):
        model = cifar.build_network(split, options)
    inner = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    convolution = next(
        layer for layer in inner.layers if isinstance(layer, keras.layers.Conv2D)
    )
    assert convolution.compute_dtype == "bfloat16"
    assert {keras.backend.standardize_dtype(w.dtype) for w in model.weights} <= {
        "float32",
        "int32",
        "uint32",
    }
    logits = model(np.zeros((2, 8, 8, 3), "float32"))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


def test_precision_ends_with_the_block():
    before = keras.config.dtype_policy().name
    with precision.computing_in("none"):
        assert keras.config.dtype_policy().name == before
    with pytest.raises(RuntimeError), precision.computing_in("float16"):
        assert keras.config.dtype_policy().name == "mixed_float16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before


def test_the_learning_rate_rises_on_a_line_and_falls_to_zero():
    optimizer = sgd_one_cycle(0.4, 5e-4)(10, 10)
    schedule = optimizer._learning_rate
    rates = [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(101)]
    np.testing.assert_allclose(rates[:21], np.linspace(0, 0.4, 21), atol=1e-6)
    falling = 0.2 * (1 + np.cos(np.pi * np.linspace(0, 1, 81)))
    np.testing.assert_allclose(rates[20:], falling, atol=1e-6)
    assert optimizer.nesterov and optimizer.momentum == 0.9 and optimizer.l2 == 5e-4


def test_results_of_before_the_option_go_on(tmp_path):
    run = Run("a", "erm", 0)
    measured = {"metrics": {"test_error": 0.5}, "curve": []}
    Results(tmp_path, "toy", "jax", {"epochs": 1}).add(*run, 1, measured)
    later = {"epochs": 1, "mixed_precision": "none"}
    assert Results(tmp_path, "toy", "jax", later).has(*run)
    with pytest.raises(ValueError, match="mixed_precision=bfloat16"):
        Results(tmp_path, "toy", "jax", {"epochs": 1, "mixed_precision": "bfloat16"})
