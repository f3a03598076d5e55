"""What MixupGAN refuses, and that a bad loss stops it before bad weights are saved."""

import keras
import numpy as np
import pytest

from keras_multimix import MixupGAN
from tests.helpers import assert_three_parts, in_numpy
from tests.models.gan_oracle import assert_same, make, network, rows, weights_of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -1}, "alpha=-1"),
        ({"discriminator_steps": 0}, "discriminator_steps=0"),
        ({"generator_loss": "wasserstein"}, "wasserstein"),
        ({"from_logits": 1}, "from_logits=1"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"Expected.*{message}.*To fix it"):
        MixupGAN(network(2, 3), network(3, 1), **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.9),
        ("discriminator_steps", 7),
        ("generator_loss", "min_max"),
        ("from_logits", False),
        ("seed", 5),
    ],
)
def test_an_assignment_that_would_be_ignored_is_refused(name, value):
    gan = make()
    before = gan.get_config()[name]
    with pytest.raises(ValueError, match=f"assignment to `{name}`") as error:
        setattr(gan, name, value)
    assert_three_parts(error)
    assert gan.get_config()[name] == before


def test_networks_that_do_not_fit():
    cases = [
        (network(2, 3), network(3, 2), "one output for each row"),
        (network(2, 3), network(4, 1), "that the discriminator takes"),
        (network(2, 3), network(3, 1, activation="sigmoid"), "sigmoid"),
        (network(2, 3), None, "keras.Model"),
        (keras.Sequential([keras.layers.Dense(3)]), network(3, 1), "keras.Input"),
    ]
    for generator, discriminator, message in cases:
        with pytest.raises(ValueError, match="Expected.*To fix it") as error:
            MixupGAN(generator, discriminator)
        assert message in str(error.value)


def with_sigmoid(kind):
    """Discriminators whose sigmoid is not the activation of their last layer."""
    inputs, layers = keras.Input((3,)), keras.layers
    logits = layers.Dense(1)(inputs)
    if kind == "nested":
        return keras.Sequential([inputs, network(3, 1, activation="sigmoid")])
    if kind == "operation":
        return keras.Model(inputs, keras.ops.sigmoid(logits))
    if kind == "layer":
        return keras.Model(inputs, layers.Activation("sigmoid")(logits))
    last = layers.Dropout(0.1) if kind == "dropout" else layers.Flatten()
    return keras.Model(inputs, last(layers.Dense(1, "sigmoid")(inputs)))


@pytest.mark.parametrize("kind", ["nested", "operation", "layer", "dropout", "flatten"])
def test_sigmoids_are_found_wherever_they_end_the_discriminator(kind):
    with pytest.raises(ValueError, match="ends in a sigmoid") as error:
        MixupGAN(network(2, 3), with_sigmoid(kind))
    assert_three_parts(error)
    MixupGAN(network(2, 3), with_sigmoid(kind), from_logits=False)


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(ValueError, match="Dense without an activation") as error:
        MixupGAN(network(2, 3), network(3, 1), from_logits=False)
    assert_three_parts(error)


class OfDicts(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return ({"images": rows(8)},)


@pytest.mark.parametrize("kind", ["dict", "tuple", "dataset", "complex"])
def test_what_is_no_array_of_rows_is_refused(kind):
    data = {
        "dict": {"images": rows(8)},
        "tuple": (rows(8), rows(8)),
        "dataset": OfDicts(),
        "complex": rows(8).astype("complex64"),
    }[kind]
    gan = make()
    with pytest.raises(ValueError, match="an array of real rows") as error:
        gan.fit(data, verbose=0)
    assert_three_parts(error)
    assert in_numpy(gan.random_state).tolist() == [1, 0, 0]


def test_a_sigmoid_is_taken_when_it_is_said():
    ours = make()
    theirs = MixupGAN(
        network(2, 3),
        network(3, 1, activation="sigmoid"),
        0.2,
        2,
        from_logits=False,
        seed=1,
    )
    theirs.compile(keras.optimizers.SGD(0.1), keras.optimizers.Adam(1e-2))
    for gan in (ours, theirs):
        gan.fit(rows(), batch_size=8, verbose=0, shuffle=False)
    assert_same(ours, theirs, rtol=1e-3)


@pytest.mark.parametrize("shape", [(0, 3), (8, 4), (8, 3, 1), (8,)])
def test_data_that_do_not_fit_move_nothing(shape):
    gan = make()
    before = weights_of(gan)
    with pytest.raises(ValueError, match="Expected.*Received.*To fix it"):
        gan.fit(np.zeros(shape, "float32"), verbose=0)
    for old, new in zip(before, weights_of(gan), strict=True):
        np.testing.assert_array_equal(old, new)
    assert in_numpy(gan.random_state).tolist() == [1, 0, 0]


def test_one_callback_needs_no_list():
    gan = make()
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(1))
    gan.fit(np.zeros((4, 3), "float32"), callbacks=callback, verbose=0)
    assert seen == [1]


def test_there_is_no_test_loss():
    gan, rows = make(), np.zeros((4, 3), "float32")
    with pytest.raises(ValueError, match="(?s)Expected.*Received.*To fix it"):
        gan.evaluate(rows)
    for arguments in ({"validation_data": rows}, {"validation_split": 0.5}):
        with pytest.raises(ValueError, match="validation_data"):
            gan.fit(rows, verbose=0, **arguments)
    assert in_numpy(gan.random_state).tolist() == [1, 0, 0]


def test_one_optimizer_cannot_serve_both():
    optimizer = keras.optimizers.Adam()
    gan = MixupGAN(network(2, 3), network(3, 1))
    with pytest.raises(ValueError, match="the same one twice"):
        gan.compile(optimizer, optimizer)


@pytest.mark.parametrize("save_freq", ["epoch", 1])
def test_a_loss_that_is_not_finite_stops_before_bad_weights_are_saved(
    tmp_path, save_freq
):
    path = tmp_path / "last.weights.h5"
    x = rows(32)
    x[-8:] = np.nan if save_freq == 1 else x[-8:]
    # Linear: on TensorFlow a ReLU of NaN may be 0.
    gan = make(layers=0)
    save = keras.callbacks.ModelCheckpoint(
        path, save_weights_only=True, save_freq=save_freq
    )

    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                x[:] = np.nan

    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return (x[8 * index : 8 * index + 8],)

    with pytest.raises(ValueError, match="Expected a finite loss.*learning rates"):
        gan.fit(Rows(), epochs=3, callbacks=[save, Spoil()], verbose=0)
    good = make(layers=0)
    good.load_weights(path)
    assert all(np.isfinite(weight).all() for weight in weights_of(good))
