"""The GAN recipe, small: its data, its measures, whole runs and their pictures."""

import gzip

import keras
import numpy as np
import pytest

from recipes import gan
from recipes.datasets import fashion
from recipes.datasets.points import grid, ring
from recipes.networks import gan as networks
from recipes.parts import gan_samples
from recipes.parts.gan_curve import SampleCurve


@pytest.mark.parametrize(
    ("mixture", "count", "deviation"), [(ring, 8, 0.02), (grid, 25, 0.05)]
)
def test_points_lie_around_their_modes(mixture, count, deviation):
    made = mixture()
    points = made.sample(20_000, np.random.default_rng(0))
    assert points.dtype == "float32" and points.shape == (20_000, 2)
    nearest, distances = made.distances(points)
    assert np.bincount(nearest).min() > 0.8 * 20_000 / count
    assert len(np.unique(nearest)) == count
    # The mean distance of a two-dimensional normal is σ·√(π/2).
    assert distances.mean() == pytest.approx(deviation * np.sqrt(np.pi / 2), rel=0.02)


def test_quality_counts_modes_and_good_points():
    source = gan_samples.Points(ring())
    modes = source.mixture.modes
    perfect = source.quality(np.repeat(modes, 10, axis=0))
    assert perfect["modes"] == 8 and perfect["good_share"] == 1
    assert perfect["even_modes"] == pytest.approx(8)
    points = np.concatenate([modes[:1], modes[:1] + 0.05, modes[1:2] + [0.2, 0]])
    some = source.quality(points)
    assert some["modes"] == 1 and some["even_modes"] == pytest.approx(1)
    # 0.05 in both directions is farther than three deviations of 0.02.
    assert some["good_share"] == pytest.approx(1 / 3)
    nothing = source.quality(np.full((4, 2), 9.0))
    assert nothing == {"good_share": 0, "modes": 0, "even_modes": 0}


def test_the_rows_of_an_iteration_do_not_depend_on_what_was_trained_before():
    source = gan_samples.Points(ring())

    def batches(start, stop, seed=0):
        return gan_samples.Batches(source, 4, start, stop, seed)

    assert len(batches(5, 25)) == 20
    np.testing.assert_array_equal(batches(0, 9)[7][0], batches(5, 9)[2][0])
    assert not np.array_equal(batches(0, 9)[7][0], batches(0, 9, seed=1)[7][0])


class Trained:
    """A model whose losses have known means over each epoch so far."""

    def __init__(self, losses):
        self.losses = losses

    def get_metrics_result(self):
        return {"loss": 0.0, "generator_loss": np.mean(self.losses)}

    def generate(self, count, seed):
        return np.full((count, 2), seed, "float32")


def test_losses_are_means_since_the_samples_before_also_in_a_run_that_goes_on():
    losses = np.random.default_rng(0).random((3, 10))
    done = []

    def curve():
        return SampleCurve(gan_samples.Points(ring()), (4, 10, 30), 10, 7, done.append)

    one = curve()
    for epoch, own in enumerate(losses):
        for batch in range(10):
            one.set_model(Trained(own[:batch]))
            one.on_train_batch_begin(batch)
        one.set_model(Trained(own))
        one.on_epoch_end(epoch)
        # As if the process had ended, and another one had read the checkpoint.
        before, one = one, curve()
        one.set_state(before.state())
    assert len(done) == 3 + 1 + 2 + 3
    expected = [losses[0, :4].mean(), losses[0, 4:].mean(), losses[1:].mean()]
    found = one.measured()
    assert [point["iteration"] for point in found["curve"]] == [4, 10, 30]
    means = [point["generator_loss"] for point in found["curve"]]
    assert means == pytest.approx(expected)
    assert "loss" not in found["metrics"] and "iteration" not in found["metrics"]
    assert [*one.snapshots] == [4, 10, 30]
    assert all((samples == 7).all() for samples in one.snapshots.values())


def test_networks():
    generator, discriminator = networks.perceptrons()
    # Three hidden layers of 512 units, as in the paper.
    assert generator.count_params() == 2 * 512 + 512 + 2 * (512 * 513) + 512 * 2 + 2
    assert discriminator.output_shape == (None, 1)
    generator, discriminator = networks.dcgan(4)
    assert generator.output_shape == discriminator.input_shape == (None, 28, 28, 1)


def test_presets():
    paper = gan.parse_options(["--preset", "paper"])
    assert (paper.epochs * gan.ITERATIONS, paper.width, paper.depth) == (20_000, 512, 3)
    assert (paper.alpha, paper.discriminator_steps, paper.batch_size) == (0.2, 5, 128)
    images = gan.parse_options(["--preset", "images"])
    assert (images.dataset, images.beta_1) == (["fashion_mnist"], 0.5)
    names = gan.settings(gan.parse_options(["--robustness", "--dataset", "ring"]))
    assert len(names) == 5
    assert names["ring, depth 4"] == ("ring", {"depth": 4})


def run(tmp_path, *arguments):
    small = ["--backend", keras.config.backend(), "--width", "8", "--epochs", "1"]
    small += ["--batch-size", "8", "--discriminator-steps", "1", "--seeds", "1"]
    return gan.main([*small, "--output", str(tmp_path), *arguments])


@pytest.mark.spread
def test_points_end_to_end(tmp_path, capsys):
    records = run(tmp_path, "--dataset", "ring")
    assert [record["method"] for record in records] == ["gan", "mixup_gan"]
    for record in records:
        assert [point["iteration"] for point in record["curve"]] == [10, 100]
        assert 0 <= record["metrics"]["modes"] <= 8
    assert (tmp_path / "samples_ring.png").exists()
    assert "modes covered" in capsys.readouterr().out
    # Nothing is left to run.
    assert run(tmp_path, "--dataset", "ring") == records


@pytest.mark.slow
def test_images_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setitem(fashion._COUNTS, "train", 20)
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype("uint8")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(16) + images.tobytes()))
    loaded = fashion.load_images(tmp_path)
    assert loaded.shape == (20, 28, 28, 1) and loaded.dtype == "float32"
    np.testing.assert_allclose(loaded[..., 0], images / 127.5 - 1, atol=1e-6)
    arguments = ("--preset", "images", "--methods", "mixup_gan")
    run(tmp_path, *arguments, "--data-dir", str(tmp_path))
    assert (tmp_path / "samples_fashion_mnist.png").exists()


def test_half_a_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(16 + 784)))
    with pytest.raises(ValueError, match="Expected 60000 images.*784 pixels"):
        fashion.load_images(tmp_path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match="Expected a whole gzip"):
        fashion.load_images(tmp_path)
    path.unlink()

    def fail():
        raise OSError("no network")

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", fail)
    with pytest.raises(ValueError, match="--data-dir.*no network"):
        fashion.load_images(tmp_path)
