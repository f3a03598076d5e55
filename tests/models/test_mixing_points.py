"""Mixing at hidden layers: what it equals, what it costs, and which point is drawn."""

import keras
import numpy as np
import pytest

from keras_multimix import (
    CutMix,
    MixUp,
    MixupModel,
    MixupSchedule,
    MultiMix,
    RandomMix,
    tracing,
)
from tests import helpers, oracle

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Count(keras.layers.Layer):
    """Passes its input on and notes how many rows it had, at each trace."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.rows = []

    def call(self, x):
        self.rows.append(x.shape[0])
        return x


def residual():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(3, 3, name="stem")(inputs)
    x = keras.layers.BatchNormalization(name="normalized")(x)
    x = keras.layers.Dropout(0.2, seed=4, name="dropped")(x)
    y = keras.layers.Conv2D(3, 3, padding="same", name="inside")(x)
    x = keras.layers.Add(name="block_out")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="top")(x))


def linear():
    """No dropout and no normalisation: a step can be computed by hand."""
    inputs = keras.Input((4,))
    x = keras.layers.Dense(5, "tanh", name="hidden")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, name="top")(x))


def images(rows=12):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 8, 8, 1)).astype("float32"), np.arange(rows) % 3


def table(rows=12):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), np.arange(rows) % 3


def compiled(base, mixer, mix_at=None, **arguments):
    keras.utils.set_random_seed(1)
    model = MixupModel(base(), mixer, mix_at=mix_at)
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": LOSS} | arguments)
    return model


def weights_of(model):
    return [np.array(w) for w in model.base_model.get_weights()]


def assert_same_weights(first, second, atol=1e-5):
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


@pytest.mark.spread
@pytest.mark.parametrize(
    "mixer",
    [MixUp(0.3, seed=5), MultiMix(seed=5), CutMix(1.0, 2, seed=5)],
    ids=["mixup", "multimix", "cutmix"],
)
def test_it_trains(mixer):
    x, y = images()
    model = compiled(
        residual,
        type(mixer).from_config(mixer.get_config()),
        ["input", "stem", "normalized", "block_out"],
        metrics=["accuracy"],
    )
    before = weights_of(model)
    history = model.fit(
        x, y, batch_size=4, epochs=4, validation_data=(x, y), verbose=0
    ).history
    assert np.isfinite(history["loss"]).all() and np.isfinite(history["val_loss"]).all()
    assert helpers.state(model.mixer)[2] == 12
    assert any((a != b).any() for a, b in zip(before, weights_of(model), strict=True))


@pytest.mark.parametrize("mix_at", [["hidden"], ["input", "hidden", "top"]])
def test_lambda_1_is_plain_training(mix_at):
    x, y = table()
    plain = linear()
    mixed = MixupModel(keras.models.clone_model(plain), MixUp(0, seed=1), mix_at)
    mixed.base_model.set_weights(plain.get_weights())
    for model in (plain, mixed):
        model.compile(keras.optimizers.SGD(0.1), LOSS)
    losses = [
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history[
            "loss"
        ]
        for model in (plain, mixed)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b in zip(plain.get_weights(), weights_of(mixed), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("times", [1, 3])
def test_at_the_input_it_is_mixing_the_inputs(times):
    x, y = images()
    models = [
        compiled(residual, MixUp(0.4, times, seed=3), mix_at)
        for mix_at in (None, ["input"])
    ]
    for model in models:
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(*models)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("pairing", ["shuffle", "mirror", "same_class", "neighbors"])
def test_the_loss_is_that_of_mixed_features(times, pairing):
    x, y = table()
    mixer = MixUp(0.4, times, pairing=pairing, seed=3)
    model = compiled(linear, mixer, ["hidden"], optimizer=keras.optimizers.SGD(0.0))
    drawn = MixUp(0.4, times, pairing=pairing, seed=3, num_classes=3)
    drawn = drawn.get_random_transformation((x, y), step=0)
    (loss,) = model.fit(x, y, batch_size=12, shuffle=False, verbose=0).history["loss"]

    kernel, bias, top_kernel, top_bias = weights_of(model)
    features = np.tanh(x.astype("float64") @ kernel + bias)
    mixed = oracle.interpolate(features, drawn["partner"], drawn["coefficients"])
    labels = oracle.interpolate(
        oracle.one_hot(y, 3), drawn["partner"], drawn["coefficients"]
    )
    logits = mixed @ top_kernel + top_bias
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert loss == pytest.approx(-(labels * log_p).sum(axis=1).mean(), rel=1e-4)


def test_the_gradient_flows_through_both_parts():
    x, y = table()
    model = compiled(linear, MixUp(0.4, 3, seed=3), ["hidden"])
    before = weights_of(model)
    model.fit(x, y, batch_size=12, verbose=0)
    for a, b in zip(before, weights_of(model), strict=True):
        assert (a != b).any()


@pytest.mark.parametrize("keep", [False, True])
def test_what_lies_below_runs_on_the_rows_of_the_batch(keep):
    below, above = Count(name="below"), Count(name="above")

    def counted():
        inputs = keras.Input((4,))
        x = keras.layers.Dense(5, name="hidden")(below(inputs))
        return keras.Model(inputs, keras.layers.Dense(3)(above(x)))

    x, y = table()
    mixer = MultiMix(num_interpolations=3, seed=1, keep_batch_size=keep)
    model = compiled(counted, mixer, ["hidden"])
    below.rows.clear(), above.rows.clear()
    model.fit(x, y, batch_size=6, epochs=2, verbose=0)
    # Keras builds a loss with symbolic rows first.
    assert set(below.rows) - {None} == {6}
    assert set(above.rows) - {None} <= {6 if keep else 18, 6}
    assert (6 if keep else 18) in above.rows


def test_each_point_is_traced_once():
    counter = Count(name="counter")

    def counted():
        inputs = keras.Input((4,))
        x = keras.layers.Dense(5, name="hidden")(counter(inputs))
        x = keras.layers.Dense(5, name="second")(x)
        return keras.Model(inputs, keras.layers.Dense(3)(x))

    x, y = table(24)
    model = compiled(counted, MixUp(seed=1), ["input", "hidden", "second"])
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    traced = len(counter.rows)
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    if helpers.backend() == "torch":
        assert len(counter.rows) == 2 * traced or len(counter.rows) > traced
    else:
        assert len(counter.rows) == traced


def drawn_points(seed, points, steps, start=0):
    from keras_multimix import randomness
    from keras_multimix.models.mixup import train_functions

    words = randomness.key_words(seed)
    return [
        train_functions.draw_point(np.append(words, step).astype("int32"), points)
        for step in range(start, start + steps)
    ]


def test_points_are_equally_likely_and_the_same_everywhere():
    points = drawn_points(7, 3, 6000)
    for point in range(3):  # four standard errors
        assert abs(np.mean(np.array(points) == point) - 1 / 3) < 0.025
    assert drawn_points(7, 3, 20) == [
        0, 1, 2, 2, 2, 2, 1, 2, 1, 1, 0, 0, 1, 2, 0, 2, 1, 0, 1, 0
    ]  # fmt: skip


class Spy(MixupModel):
    """Notes the kind of each step that it chooses."""

    def next_step_kind(self, random_state):
        kind = super().next_step_kind(random_state)
        self.kinds[int(tracing.to_numpy_or_none(random_state)[2])] = kind
        return kind


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_every_step_draws_its_point_from_the_seed(steps_per_execution):
    if helpers.backend() == "torch" and steps_per_execution > 1:
        pytest.skip("Keras takes one step at a time on torch")
    x, y = table(20)
    names = ["input", "hidden", "top"]
    model = Spy(linear(), MixUp(seed=7), mix_at=names)
    object.__setattr__(model, "kinds", {})
    model.compile("sgd", LOSS, steps_per_execution=steps_per_execution)
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    model.train_on_batch(x[:4], y[:4])
    assert helpers.state(model.mixer)[2] == 16
    expected = [names[i] for i in drawn_points(7, 3, 16)]
    assert [model.kinds[step] for step in range(16)] == expected


def test_points_after_plain_epochs_are_those_of_the_seed():
    x, y = table(20)
    names = ["input", "hidden", "top"]
    model = Spy(linear(), MixUp(seed=7), mix_at=names)
    object.__setattr__(model, "kinds", {})
    model.compile("sgd", LOSS)
    schedule = MixupSchedule(start_epoch=1, stop_epoch=3)
    model.fit(x, y, batch_size=4, epochs=4, callbacks=[schedule], verbose=0)
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    points = [names[i] for i in drawn_points(7, 3, 25)]
    for steps in (range(5, 15), range(20, 25)):
        assert [model.kinds[i] for i in steps] == [points[i] for i in steps]


def test_a_saved_model_draws_on(tmp_path):
    x, y = images()
    model = compiled(residual, MultiMix(seed=7), ["input", "stem", "block_out"])
    model.fit(x, y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.mix_at == model.mix_at
    assert helpers.state(loaded.mixer) == helpers.state(model.mixer)
    # Without the dropout, whose seeds Keras loads as they were when it was made.
    x, y = table()
    straight = compiled(linear, MixUp(seed=7), ["input", "hidden"])
    straight.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    straight.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (straight, loaded):
        each.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(straight, loaded)


def test_evaluation_and_the_base_model_know_nothing_of_it():
    x, y = images()
    model = compiled(residual, MultiMix(seed=7), ["stem", "block_out"])
    model.fit(x, y, batch_size=4, verbose=0)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), model.base_model.predict(x, verbose=0)
    )
    for layer in model.base_model.layers:
        assert "call" not in vars(layer) and "compute_mask" not in vars(layer)


def test_a_step_that_fails_leaves_the_layers_as_they_were():
    class Failing(keras.layers.Layer):
        fails = False

        def call(self, x):
            if self.fails:
                raise RuntimeError("on purpose")
            return x

    failing = Failing()

    def base():
        inputs = keras.Input((4,))
        x = keras.layers.Dense(5, name="hidden")(inputs)
        return keras.Model(inputs, keras.layers.Dense(3)(failing(x)))

    x, y = table()
    model = compiled(base, MixUp(seed=1), ["hidden"])
    failing.fails = True
    with pytest.raises(Exception, match="on purpose"):
        model.fit(x, y, verbose=0)
    failing.fails = False
    assert "call" not in vars(model.base_model.get_layer("hidden"))
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()


def text_classifier(mask_zero):
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(20, 4, mask_zero=mask_zero, name="embedding")(tokens)
    x = keras.layers.GlobalAveragePooling1D(name="pooled")(x)
    return keras.Model(tokens, keras.layers.Dense(3)(x))


@pytest.mark.parametrize("mask_zero", [False, True])
def test_token_ids_are_mixed_after_their_embedding(rng, mask_zero):
    x = rng.integers(1, 20, size=(12, 6)).astype("int32")
    x[::2, 3:] = 0
    y = np.arange(12) % 3
    model = compiled(
        lambda: text_classifier(mask_zero),
        MixUp(0.4, 2, seed=1),
        ["embedding", "pooled"],
        optimizer=keras.optimizers.Adam(0.05),
    )
    losses = model.fit(x, y, batch_size=6, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="mix_at"):
        compiled(lambda: text_classifier(False), MixUp()).fit(x, y, verbose=0)


@pytest.mark.skipif(
    helpers.backend() != "tensorflow", reason="only TensorFlow has tensors of strings"
)
def test_strings_are_mixed_after_their_embedding():
    """They train as the ids do which a lookup gives for them."""
    import tensorflow as tf

    words, y = np.array(["a", "b", "c", "d"] * 3), np.arange(12) % 3
    ids = np.array([0, 1, 2, 3] * 3)
    lookup = keras.layers.StringLookup(
        vocabulary=["a", "b", "c", "d"], num_oov_indices=0
    )
    results = []
    for strings in (True, False):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((), dtype="string" if strings else "int32")
        numbers = lookup(inputs) if strings else inputs
        x = keras.layers.Embedding(4, 5, name="embedding")(numbers)
        base = keras.Model(inputs, keras.layers.Dense(3)(x))
        model = compiled(lambda base=base: base, MultiMix(seed=2), ["embedding"])
        model.fit(tf.constant(words) if strings else ids, y, batch_size=6, verbose=0)
        results.append(model)
    assert_same_weights(*results)

    inputs = keras.Input((), dtype="string")
    x = keras.layers.Embedding(4, 3, name="embedding")(lookup(inputs))
    base = keras.Model(inputs, x)
    model = compiled(lambda: base, MixUp(pairing="neighbors"), ["embedding"])
    with pytest.raises(ValueError, match="string") as error:
        model.fit(tf.constant(words), y, verbose=0)
    helpers.assert_three_parts(error)


def test_a_place_counts_if_it_counts_in_either_parent(rng):
    x = np.array([[1, 2, 0, 0], [3, 4, 5, 6]], "int32")
    y = np.array([0, 1])
    tokens = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(8, 3, mask_zero=True, name="embedding")(tokens)
    pooled = keras.layers.GlobalAveragePooling1D()(embedded)
    base = keras.Model(tokens, keras.layers.Dense(2, name="top")(pooled))
    mixer = MixUp(1.0, pairing="roll", seed=2)
    model = MixupModel(base, mixer, mix_at=["embedding"])
    model.compile(keras.optimizers.SGD(0.0), LOSS)
    (loss,) = model.fit(x, y, batch_size=2, shuffle=False, verbose=0).history["loss"]
    vectors, kernel, bias = (w.astype("float64") for w in weights_of(model))
    λ = MixUp(1.0, pairing="roll", seed=2, num_classes=2)
    λ = λ.get_random_transformation((np.zeros((2, 1)), y), step=0)["coefficients"]
    # Both rows together fill all four places.
    mixed = oracle.interpolate(vectors[x], [1, 0], λ).mean(axis=1)
    logits = mixed @ kernel + bias
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    labels = oracle.interpolate(np.eye(2), [1, 0], λ)
    assert loss == pytest.approx(-(labels * log_p).sum(axis=1).mean(), rel=1e-4)


def test_a_layer_inside_a_nested_model():
    def nested():
        inner_inputs = keras.Input((8, 8, 1))
        x = keras.layers.Conv2D(2, 3, name="deep")(inner_inputs)
        x = keras.layers.Conv2D(2, 3, name="deeper")(x)
        inner = keras.Model(inner_inputs, x, name="backbone")
        return keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                inner,
                keras.layers.Flatten(),
                keras.layers.Dense(3),
            ]
        )

    x, y = images()
    model = compiled(
        nested, MultiMix(num_interpolations=2, seed=1), ["deep", "backbone"]
    )
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    MixupModel(nested(), MixUp(), mix_at=["backbone/deep"])


def test_a_model_that_data_builds_takes_batches_of_any_size():
    x, y = table(20)
    base = keras.Sequential(
        [keras.layers.Dense(5, name="hidden"), keras.layers.Dense(3)]
    )
    model = MixupModel(base, MultiMix(seed=1), mix_at=["input", "hidden"])
    model.compile("sgd", LOSS)
    for size in (8, 20):  # a last batch of 4 among them
        history = model.fit(x, y, batch_size=size, epochs=2, verbose=0).history
        assert np.isfinite(history["loss"]).all()


@pytest.mark.slow
def test_resnet50():
    base = keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classes=3, classifier_activation=None
    )
    model = MixupModel(
        base, MultiMix(num_interpolations=2, seed=1), ["input", "conv3_block1_out"]
    )
    # Of very few rows, in large steps, the plain net diverges on PyTorch too.
    model.compile(keras.optimizers.SGD(1e-5), LOSS)
    x = np.random.default_rng(0).normal(size=(24, 64, 64, 3)).astype("float32")
    losses = model.fit(x, np.arange(24) % 3, batch_size=8, verbose=0).history["loss"]
    assert np.isfinite(losses).all()


def test_mixed_precision(dtype_policy):
    dtype_policy("mixed_bfloat16")
    x, y = images()
    model = compiled(residual, MultiMix(seed=7), ["stem", "block_out"])
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("trailing", [(), (1,)])
@pytest.mark.parametrize("wrap", [False, True])
def test_masks_that_do_not_fit_the_features_are_refused(trailing, wrap):
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 2, strides=2, name="strided")(inputs)
    base = keras.Model(inputs, keras.layers.Conv2DTranspose(3, 2, strides=2)(x))
    mixer = RandomMix([CutMix(seed=1)], seed=1) if wrap else CutMix(seed=1)
    x, masks = np.zeros((4, 8, 8, 1), "float32"), np.zeros((4, 8, 8, *trailing), int)
    model = MixupModel(base, mixer, mix_at=["strided"])
    model.compile("sgd", LOSS)
    with pytest.raises(ValueError, match="images and masks of one height and width"):
        model.fit(x, masks, verbose=0)
    model = MixupModel(base, mixer)
    model.compile("sgd", LOSS)
    model.fit(x, masks, verbose=0)


def test_cutmix_boxes_fit_the_features():
    x, y = images()
    model = compiled(
        residual, RandomMix([CutMix(seed=1)], seed=1), ["stem"], run_eagerly=True
    )
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    unknown = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(2, 3, name="stem")(unknown)
    )
    model = MixupModel(keras.Model(unknown, keras.layers.Dense(3)(pooled)), CutMix())
    model = MixupModel(model.base_model, CutMix(), mix_at=["stem"])
    model.compile("sgd", LOSS)
    with pytest.raises(ValueError, match="height and width are known"):
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize("points", [None, ["input", "hidden"]])
def test_independent_pairs_from_two_datasets(points):
    x, y = table(12)
    numbers = np.random.default_rng(1).permutation(12)
    pairs = ((x, y), (x[numbers], y[numbers]))
    sets = [helpers.dataset(*part, batch_size=12) for part in pairs]
    import tensorflow as tf

    zipped = tf.data.Dataset.zip(tuple(sets))
    model = compiled(linear, MixUp(0.4, 2, seed=3), points)
    model.optimizer.learning_rate = 0.0
    (loss,) = model.fit(zipped, shuffle=False, verbose=0).history["loss"]

    drawn = MixUp(0.4, 2, seed=3).get_random_transformation(x, step=0)
    kernel, bias, top_kernel, top_bias = weights_of(model)
    hidden = points and points[drawn_points(3, 2, 1)[0]] == "hidden"

    def lower(x):
        return np.tanh(x @ kernel + bias)

    below = np.arange(12) + 12
    rows = np.concatenate([x, x[numbers]]).astype("float64")
    labels = oracle.one_hot(np.concatenate([y, y[numbers]]), 3)
    if hidden:
        mixed = oracle.interpolate(lower(rows), below, drawn["coefficients"])
    else:
        mixed = lower(oracle.interpolate(rows, below, drawn["coefficients"]))
    logits = mixed @ top_kernel + top_bias
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    targets = oracle.interpolate(labels, below, drawn["coefficients"])
    assert loss == pytest.approx(-(targets * log_p).sum(axis=1).mean(), rel=1e-4)
    # Evaluating the pairs evaluates their own rows.
    assert model.evaluate(zipped, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-5
    )


def test_pairs_mixed_in_the_pipeline():
    import tensorflow as tf

    x, y = table(12)
    first, second = (helpers.dataset(x, y, batch_size=4) for _ in range(2))
    mixer = MixUp(0.4, num_classes=3, seed=3)
    mixed = tf.data.Dataset.zip((first, second)).map(mixer.mix_pairs)
    for mixed_x, mixed_y in mixed:  # each row with itself
        assert mixed_y.shape == (4, 3) and mixed_x.shape == (4, 4)
    np.testing.assert_allclose(mixed_x.numpy(), x[8:], atol=1e-6)


# What is no feature of rows ----------------------------------------------------


class WithNumber(keras.layers.Layer):
    """Returns a number beside its features, as a mixture of experts does."""

    def call(self, x):
        return x, keras.ops.mean(x)


def frame_wise(kind):
    """A model of (B, 3, 4) at whose `"cut"` no tensor has a row for each sample."""
    inputs = keras.Input((3, 4))
    if kind == "number":
        x, number = WithNumber(name="cut")(inputs)
        x = keras.layers.Flatten()(x) + number
    else:
        x = keras.layers.Lambda(
            lambda x: keras.ops.reshape(x, (-1, 4)), output_shape=(4,), name="cut"
        )(inputs)
        x = keras.layers.Lambda(
            lambda x: keras.ops.reshape(x, (-1, 12)), output_shape=(12,)
        )(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("kind", ["frames", "number"])
def test_outputs_that_have_no_entry_for_each_row_are_refused(kind, rows):
    mixer = MultiMix(1.0, 2, seed=1)
    model = MixupModel(frame_wise(kind), mixer, mix_at=["cut"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=helpers.backend() != "jax")
    x, y = np.zeros((rows, 3, 4), "float32"), np.zeros(rows, "int32")
    with pytest.raises(ValueError, match="outputs have") as error:
        model.train_on_batch(x, y)
    helpers.assert_three_parts(error)
    assert helpers.state(mixer)[2] == 0


@pytest.mark.parametrize("jit_compile", [True, False])
def test_one_row_of_frames_is_refused_in_a_graph(jit_compile):
    if jit_compile and helpers.backend() == "torch":
        pytest.skip("PyTorch compiles it for minutes")
    model = MixupModel(frame_wise("frames"), MultiMix(1.0, 2), mix_at=["cut"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=jit_compile)
    # TensorFlow does not know the number of rows when it traces.
    with pytest.raises(Exception, match="outputs have|reshape"):
        model.fit(np.zeros((1, 3, 4), "float32"), np.zeros(1, "int32"), verbose=0)
