"""RandomMix is one of its layers at each step, at the rates that it was given."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix, RandomMix, RegMixup
from tests import helpers


def images(rng, rows=6):
    return rng.normal(size=(rows, 5, 4, 2)).astype("float32"), np.arange(rows) % 3


def new(probabilities=(0.4, 0.3), seed=2, **shared):
    shared = {"num_classes": 3} | shared
    layers = [MixUp(0.8, seed=11, **shared), CutMix(1.0, seed=12, **shared)]
    return RandomMix(layers, list(probabilities), seed=seed)


def assert_same(got, expected, atol=1e-6):
    for a, b in zip(helpers.in_numpy(got), helpers.in_numpy(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


def alone(x, y, times=1):
    labels = np.eye(3, dtype="float32")[y]
    return np.repeat(x, times, axis=0), np.repeat(labels, times, axis=0)


def check_steps(mixer, function, x, y, steps, times=1):
    seen = set()
    for step in steps:
        choice = int(mixer.get_random_transformation((x, y), step=step)["choice"])
        seen.add(choice)
        if choice < 0:
            expected = alone(x, y, times)
        else:
            expected = mixer.layers[choice](x, y, step=step)
        assert_same(function(x, y, step), expected, atol=1e-5)
    return seen


@pytest.mark.parametrize("arguments", [{}, {"num_interpolations": 3}])
def test_each_step_is_one_of_the_layers_or_none(rng, arguments):
    x, y = images(rng)
    mixer = new(**arguments)
    seen = check_steps(
        mixer,
        lambda x, y, step: mixer(x, y, step=step),
        x,
        y,
        range(20),
        arguments.get("num_interpolations", 1),
    )
    assert seen == {-1, 0, 1}


@pytest.mark.parametrize("how", helpers.compilations())
def test_compiled(rng, how):
    if helpers.backend() == "torch":
        pytest.skip("the slow tests compile it on PyTorch")
    x, y = images(rng)
    mixer = new()
    function = helpers.compiled(lambda x, y, step: mixer(x, y, step=step), how)

    def call(x, y, step):
        return function(*helpers.tensors((x, y, np.int32(step))))

    assert check_steps(mixer, call, x, y, range(8)) == {-1, 0, 1}


@pytest.mark.parametrize("counted", [True, False])
def test_in_tf_data(rng, counted):
    x, y = images(rng, 36)
    mixer = new()
    batches = helpers.dataset(x, y, batch_size=6)
    if counted:
        mixed = batches.map(mixer)
    else:
        mixed = batches.enumerate().map(lambda i, batch: mixer(*batch, step=i))
    for step, (got, (rows, labels)) in enumerate(zip(mixed, batches, strict=True)):
        rows, labels = rows.numpy(), labels.numpy()
        assert_same([t.numpy() for t in got], mixer(rows, labels, step=step), 1e-5)


def test_measured_rates(rng):
    x, y = images(rng, 2)
    mixer = new((0.25, 0.6))
    draws = [
        int(mixer.get_random_transformation((x, y))["choice"]) for _ in range(3000)
    ]
    for choice, probability in ((0, 0.25), (1, 0.6), (-1, 0.15)):
        # Four standard errors.
        error = 4 * np.sqrt(probability * (1 - probability) / 3000)
        assert abs(np.mean(np.array(draws) == choice) - probability) < error


@pytest.mark.parametrize(
    ("probabilities", "choices"),
    [([1.0, 0.0], {0}), ([0, 1], {1}), ([0.0, 0.0], {-1}), ([0.7, 0.3], {0, 1})],
)
def test_certainty(rng, probabilities, choices):
    x, y = images(rng, 2)
    mixer = new(probabilities)
    drawn = {int(mixer.get_random_transformation((x, y))["choice"]) for _ in range(60)}
    assert drawn == choices


def test_by_default_all_are_equally_likely():
    assert RandomMix([MixUp(), CutMix()]).probabilities == [0.5, 0.5]


def test_replay_and_injection(rng):
    x, y = images(rng)
    mixer = new()
    for step in range(6):
        drawn = mixer.get_random_transformation((x, y), step=step)
        assert set(drawn) == {"partner", "coefficients", "boxes", "choice"}
        assert_same(mixer.apply((x, y), drawn), mixer(x, y, step=step))
    left_alone = drawn | {"choice": np.array(-1)}
    left_alone["partner"], left_alone["coefficients"] = np.arange(6), np.ones((6, 1))
    assert_same(mixer.apply((x, y), left_alone), alone(x, y))
    for choice in (2, -2):
        with pytest.raises(ValueError, match="'choice'"):
            mixer.apply((x, y), drawn | {"choice": np.array(choice)})


def test_it_counts_its_calls_and_its_layers_do_not(rng):
    x, y = images(rng)
    mixer = new()
    first = mixer(x, y)
    assert_same(first, mixer(x, y, step=0))
    assert helpers.state(mixer)[2] == 1
    assert [helpers.state(layer)[2] for layer in mixer.layers] == [0, 0]
    mixer(x, y, training=False)
    assert helpers.state(mixer)[2] == 1


def test_config_and_saving(rng, tmp_path):
    x, y = images(rng)
    mixer = new()
    copy = RandomMix.from_config(mixer.get_config())
    for step in range(5):
        assert_same(copy(x, y, step=step), mixer(x, y, step=step))
    inputs, labels = keras.Input((5, 4, 2)), keras.Input((3,))
    model = keras.Model([inputs, labels], mixer(inputs, labels))
    soft = np.eye(3, dtype="float32")[y]
    mixer(x, y), mixer(x, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    got = loaded([x, soft], training=True)
    assert_same(got, model([x, soft], training=True))


@pytest.mark.spread
@pytest.mark.parametrize("mix_at", [None, ["input", "features"]])
@pytest.mark.parametrize("times", [1, 2])
def test_inside_a_model(rng, mix_at, times):
    x, y = images(rng, 12)
    base = keras.Sequential(
        [
            keras.Input((5, 4, 2)),
            keras.layers.Conv2D(3, 3, name="features"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    mixer = new(num_classes=None, num_interpolations=times)
    model = MixupModel(base, mixer, mix_at=mix_at)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss)
    losses = model.fit(x, y, batch_size=4, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert helpers.state(mixer)[2] == 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "`layers`"),
        ((MixUp(),), "`layers`"),
        (([MixUp(), "cut"],), "`layers`"),
        (([RandomMix([MixUp()])],), "`layers`"),
        (([MixUp(), MultiMix()],), "num_interpolations"),
        (([MixUp(), RegMixup()],), "same `num_interpolations` and `keep_originals`"),
        ((MixUp(), CutMix()), "Received: layers=MixUp"),
        (([MixUp(num_classes=3), CutMix()],), "num_classes"),
        (([MixUp(keep_batch_size=True), CutMix()],), "keep_batch_size"),
        (([MixUp(dtype="float16"), CutMix()],), "dtype"),
        (([MixUp(), CutMix()], [0.5]), "2 numbers"),
        (([MixUp(), CutMix()], [0.7, 0.7]), "sum to 1"),
        (([MixUp(), CutMix()], [1.2, -0.2]), "0 or more"),
        (([MixUp(), CutMix()], [float("nan"), 0.2]), "0 or more"),
        (([MixUp(), CutMix()], 0.5), "2 numbers"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        RandomMix(*arguments)
    helpers.assert_three_parts(error)


def test_a_batch_must_suit_every_layer(rng):
    mixer = new()
    with pytest.raises(ValueError, match="height and width"):
        mixer(rng.normal(size=(4, 7)), np.arange(4) % 3)
    assert helpers.state(mixer)[2] == 0
