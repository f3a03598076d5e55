"""MixupGAN: its losses against an oracle, its steps, its files and its refusals."""

import keras
import numpy as np
import pytest

from keras_multimix import MixupGAN
from keras_multimix.models.gan import losses
from tests.helpers import backend, in_numpy
from tests.models.gan_oracle import (
    Oracle,
    assert_same,
    assert_stepped_by_hand,
    make,
    network,
    oracle_cross_entropy,
    rows,
    weights_of,
)

RNG = np.random.default_rng


# The losses -----------------------------------------------------------------


def value(loss):
    return float(keras.ops.convert_to_numpy(loss))


def test_losses_are_those_of_the_formula():
    real, fake, λ = rows(6), rows(12)[6:], np.linspace(0, 1, 6).astype("float32")
    tensors = [keras.ops.convert_to_tensor(each) for each in (real, fake, λ)]

    def loss_of(x, targets):
        return losses.cross_entropy(keras.ops.sum(x, axis=-1) * 2, targets)

    blend = λ[:, None] * real + (1 - λ[:, None]) * fake
    mixed = oracle_cross_entropy(2 * blend.sum(-1), λ)
    plain = oracle_cross_entropy(2 * real.sum(-1), np.ones(6))
    plain = (plain + oracle_cross_entropy(2 * fake.sum(-1), np.zeros(6))) / 2
    of = losses.discriminator_loss(loss_of, *tensors)
    assert value(of) == pytest.approx(mixed, rel=1e-5)
    of = losses.discriminator_loss(loss_of, *tensors[:2], None)
    assert value(of) == pytest.approx(plain, rel=1e-5)
    of = losses.generator_loss("min_max", loss_of, *tensors)
    assert value(of) == pytest.approx(-mixed, rel=1e-5)
    of = losses.generator_loss("non_saturating", loss_of, *tensors)
    expected = oracle_cross_entropy(2 * fake.sum(-1), np.ones(6))
    assert value(of) == pytest.approx(expected, rel=1e-5)


def test_large_logits_give_finite_losses():
    logits = keras.ops.convert_to_tensor(np.array([-1e4, 1e4], "float32"))
    targets = keras.ops.convert_to_tensor(np.array([1.0, 0.0], "float32"))
    assert value(losses.cross_entropy(logits, targets)) == pytest.approx(1e4)


# Training -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["non_saturating", "min_max"])
@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_a_step_is_the_one_that_is_described(alpha, kind):
    """With SGD on both: every gradient by finite differences of the oracle's loss."""
    gan = MixupGAN(network(2, 3), network(3, 1), alpha, 1, generator_loss=kind, seed=3)
    gan.compile(keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5))
    oracle = Oracle(gan, keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5))
    real = rows(4)
    gan.fit(real, batch_size=4, verbose=0, shuffle=False)
    oracle.step(real)
    assert_stepped_by_hand(gan, oracle)


def test_the_same_seed_repeats_and_another_does_not():
    gans = [make(seed=seed) for seed in (1, 1, 2)]
    for gan in gans:
        gan.fit(rows(), batch_size=8, verbose=0, shuffle=False)
    assert_same(gans[0], gans[1])
    assert not np.allclose(weights_of(gans[0])[0], weights_of(gans[2])[0])


def test_eager_steps_equal_compiled_ones():
    eager, compiled = make(), make()
    eager.run_eagerly = True
    for gan in (eager, compiled):
        gan.fit(rows(), batch_size=8, verbose=0, shuffle=False)
    assert_same(eager, compiled, rtol=1e-5)


def test_each_step_draws_anew_and_counts():
    gan = make(steps=3)
    gan.fit(rows(), batch_size=8, epochs=2, verbose=0)
    # Two epochs of two batches, each with three steps and one.
    assert in_numpy(gan.random_state).tolist() == [1, 0, 16]
    assert int(in_numpy(gan.optimizer.iterations)) == 4
    assert int(in_numpy(gan.optimizer.discriminator.iterations)) == 12
    assert int(in_numpy(gan.optimizer.generator.iterations)) == 4


def as_dataset(kind):
    x = rows()
    if kind == "array":
        return {"x": x, "batch_size": 8}
    if kind == "tensorflow":
        import tensorflow as tf

        return {"x": tf.data.Dataset.from_tensor_slices(x).batch(8)}
    if kind == "with_labels":
        import tensorflow as tf

        pairs = (x, np.arange(16))
        return {"x": tf.data.Dataset.from_tensor_slices(pairs).batch(8)}
    if kind == "torch":
        torch = pytest.importorskip("torch")
        data = torch.utils.data.TensorDataset(torch.from_numpy(x))
        return {"x": torch.utils.data.DataLoader(data, batch_size=8)}

    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (x[8 * index : 8 * index + 8],)

    return {"x": Rows()}


@pytest.mark.parametrize("kind", ["tensorflow", "with_labels", "torch", "py_dataset"])
def test_every_kind_of_data(kind):
    gan, reference = make(), make()
    reference.fit(**as_dataset("array"), verbose=0, shuffle=False)
    gan.fit(**as_dataset(kind), verbose=0, shuffle=False)
    assert_same(gan, reference, rtol=1e-5)


def test_images_batch_normalization_and_dropout():
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(2 * 2 * 3),
            layers.Reshape((2, 2, 3)),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(1, 4, 2, padding="same", activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(3, 3, activation="leaky_relu"),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    gan = MixupGAN(generator, discriminator, discriminator_steps=1)
    gan.compile("adam", "adam")
    before = weights_of(gan)
    gan.fit(RNG(0).normal(size=(8, 4, 4, 1)).astype("float32"), verbose=0)
    assert all(
        not np.array_equal(old, new)
        for old, new in zip(before, weights_of(gan), strict=True)
        if old.ndim > 1
    )
    moving_mean = generator.layers[2].moving_mean
    assert np.abs(in_numpy(moving_mean)).max() > 0
    assert gan.generate(3, seed=0).shape == (3, 4, 4, 1)


@pytest.mark.slow
def test_it_learns_where_the_data_are():
    real = RNG(0).normal([3.0, -2.0, 1.0], 0.3, (256, 3)).astype("float32")
    gan = MixupGAN(network(2, 3, 32), network(3, 1, 32), 0.2, 2, seed=0)
    gan.compile(keras.optimizers.Adam(5e-3, 0.5), keras.optimizers.Adam(5e-3, 0.5))
    gan.fit(real, batch_size=64, epochs=60, verbose=0)
    found = gan.generate(500, seed=1).mean(axis=0)
    np.testing.assert_allclose(found, [3.0, -2.0, 1.0], atol=0.5)


# Generating -----------------------------------------------------------------


def test_generate_follows_its_seed_and_moves_nothing():
    gan = make()
    first, again = (gan.generate(7, seed=5, batch_size=n) for n in (3, 256))
    assert first.shape == (7, 3)
    np.testing.assert_allclose(first, again, rtol=1e-5)
    assert not np.allclose(first, gan.generate(7, seed=6))
    assert in_numpy(gan.random_state).tolist() == [1, 0, 0]


def test_latent_vectors_are_standard_normal():
    identity = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    identity.set_weights([np.eye(2), np.zeros(2)])
    gan = MixupGAN(identity, network(2, 1))
    from scipy.stats import kstest

    drawn = gan.generate(20_000, seed=0, batch_size=20_000)
    # Fixed seed; of 20 000 draws, a distance of 0.012 has a probability below 0.01.
    assert kstest(drawn.ravel()[:20_000], "norm").statistic < 0.012
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.02


# Files ----------------------------------------------------------------------


def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(tmp_path):
    gan = make(generator_loss="min_max")
    gan.fit(rows(), batch_size=8, verbose=0, shuffle=False)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.generator_loss == "min_max"
    assert_same(gan, loaded)
    for each in (gan, loaded):
        each.fit(rows(), batch_size=8, verbose=0, shuffle=False)
    assert_same(gan, loaded, rtol=1e-6)


def test_a_backup_goes_on(tmp_path):
    whole, parts = make(), make()
    whole.fit(rows(), batch_size=8, epochs=4, verbose=0, shuffle=False)

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path)

    options = {"batch_size": 8, "epochs": 4, "verbose": 0, "shuffle": False}
    with pytest.raises(KeyboardInterrupt):
        parts.fit(rows(), callbacks=[backup(), Stop()], **options)
    resumed = make()
    resumed.fit(rows(), callbacks=[backup()], **options)
    assert_same(whole, resumed)


@pytest.mark.filterwarnings("ignore:The `native_serialization`:DeprecationWarning")
def test_export_is_the_generator(tmp_path):
    gan, latent = make(), np.ones((1, 2), "float32")
    gan.fit(rows(), batch_size=8, verbose=0)
    expected = gan.generator.predict(latent, verbose=0)
    if backend() == "torch":
        torch = pytest.importorskip("torch")
        try:
            gan.export(tmp_path / "gan.pt2", format="torch", verbose=False)
        except ValueError:
            pytest.skip("Keras 3.12 exports no program of PyTorch")
        program = torch.export.load(tmp_path / "gan.pt2")
        made = program.module()(torch.from_numpy(latent)).detach().numpy()
    else:
        import tensorflow as tf

        gan.export(tmp_path / "gan", verbose=False)
        exported = tf.saved_model.load(tmp_path / "gan")
        made = exported.serve(latent).numpy()
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
