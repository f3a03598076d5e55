"""Plain Keras still has the faults that `keras_multimix.keras_fixes` mends.

A test that fails here brings good news: Keras has mended the fault. The code that the
message names can go as soon as the oldest supported Keras has mended it too.
"""

import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_multimix.keras_fixes import compiled, model_graph, tensor_marks, tensors
from tests import helpers

X, Y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def only_on(backend):
    return pytest.mark.skipif(
        helpers.backend() != backend, reason=f"a fault on {backend} alone"
    )


def plain_model(*layers):
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse")
    return model


def check_still(fault, delete):
    """Fails if a fault is gone."""
    if not fault:
        pytest.fail(f"Keras has mended this: delete {delete}")


# Saving ---------------------------------------------------------------------


class Unwritable(keras.layers.Layer):
    """Stops a save in the middle, as a full disk or a signal does."""

    broken = False

    def call(self, x):
        return x

    def save_own_variables(self, store):
        if self.broken:
            raise KeyboardInterrupt


@pytest.mark.parametrize("form", ["model.keras", "model.weights.h5"])
def test_keras_still_loses_the_file_that_it_replaces(tmp_path, form):
    layer, path = Unwritable(), tmp_path / form
    model = plain_model(layer)
    save = model.save if form.endswith(".keras") else model.save_weights
    save(path)
    before = path.read_bytes()
    layer.broken = True
    with pytest.raises(KeyboardInterrupt):
        save(path)
    check_still(
        not path.exists() or path.read_bytes() != before,
        "`_written_whole` in keras_fixes/saving.py",
    )


@pytest.mark.parametrize("form", ["model.keras", "model.weights.h5"])
def test_keras_still_loses_dropout_seed_state(tmp_path, form):
    dropout = keras.layers.Dropout(0.5, seed=1)
    model, path = plain_model(dropout), tmp_path / form
    seed_state = dropout.seed_generator.state
    seed_state.assign(seed_state + 7)
    if form.endswith(".keras"):
        model.save(path)
        other = keras.saving.load_model(path, compile=False)
    else:
        model.save_weights(path)
        other = plain_model(keras.layers.Dropout(0.5, seed=1))
        other.load_weights(path)
    states = [
        helpers.in_numpy(each.layers[0].seed_generator.state.value)
        for each in (model, other)
    ]
    check_still(
        (states[0] != states[1]).any(),
        "`_seed_states` and its two callers in keras_fixes/saving.py",
    )


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_keras_still_skips_the_state_of_an_unused_optimizer(tmp_path):
    model, path = plain_model(), tmp_path / "model.weights.h5"
    model.fit(X, Y, verbose=0)
    model.save_weights(path)
    other = plain_model()
    other.load_weights(path)
    check_still(
        int(helpers.in_numpy(other.optimizer.iterations.value)) == 0,
        "the call of `optimizer.build` in keras_fixes/saving.py",
    )


# A failed `fit` -------------------------------------------------------------


class Failing(keras.layers.Layer):
    """Refuses to be trained while `fails` is True."""

    fails = True

    def call(self, x, training=False):
        if self.fails and training:
            raise RuntimeError("on purpose")
        return x


def fails_in_second_fit():
    """Trains a model whose first `fit` failed, and returns whether that fails too."""
    failing = Failing()
    model = plain_model(failing)
    with pytest.raises(RuntimeError, match="on purpose"):
        model.fit(X, Y, verbose=0)
    failing.fails = False
    try:
        model.fit(X, Y, verbose=0)
    except (TypeError, ValueError):
        return True
    return False


@only_on("jax")
def test_keras_still_loses_the_variables_of_a_failed_fit():
    check_still(fails_in_second_fit(), "`Snapshot` in keras_fixes/failed_fit.py")


@only_on("jax")
def test_keras_still_cannot_train_twice_with_averages():
    model = plain_model()
    model.compile(keras.optimizers.SGD(use_ema=True), "mse")
    model.fit(X, Y, verbose=0)
    try:
        model.fit(X, Y, verbose=0)
        fault = False
    except TypeError:  # from averaging the empty variables that the failed step left
        fault = True
    check_still(fault, "`_separate` and `raise error.__context__` in failed_fit.py")


@only_on("tensorflow")
def test_keras_still_cannot_trace_a_failed_step_again():
    check_still(
        fails_in_second_fit(),
        "`model.train_function = None` in keras_fixes/failed_fit.py",
    )


# Calls and graphs -----------------------------------------------------------


class Same(keras.layers.Layer):
    def call(self, x):
        return x


def count_calls(function):
    """Returns how many Python functions run."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@only_on("torch")
def test_keras_still_does_much_around_a_call():
    layer, x = Same(), ops.convert_to_tensor(X)
    layer(x)
    # 161 calls in Keras 3.15; mixing a batch takes fewer than 300.
    check_still(
        count_calls(lambda: layer(x)) > 40,
        "keras_fixes/skip_call.py, and let every call go through Keras",
    )


def public_attributes(thing):
    for name in dir(thing):
        if not name.startswith("_"):
            try:
                yield getattr(thing, name)
            except (AttributeError, ValueError, RuntimeError):
                continue


def test_keras_still_has_no_public_way_into_a_models_graph():
    layer = Same()
    inputs = keras.Input((3,))
    output = layer(inputs)
    node = model_graph.node_of(output)
    assert node.operation is layer and node is model_graph.last_node_of(layer)
    assert node.input_tensors[0] is inputs and node.output_tensors[0] is output

    found = [
        value
        for value in public_attributes(output)
        if value is layer or value is node or getattr(value, "operation", None) is layer
    ] + [
        value
        for value in public_attributes(layer)
        if value is node or (isinstance(value, (list, tuple)) and node in value)
    ]
    check_still(not found, f"keras_fixes/model_graph.py, and use {found}")


def test_keras_still_hides_what_it_compiled():
    def function(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    loss, other = keras.losses.MeanSquaredError(), keras.losses.MeanAbsoluteError()
    metric = keras.metrics.MeanMetricWrapper(function)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", [loss], metrics=[metric])
    seen = []
    with compiled.replaced_losses(model, lambda x: seen.append(x) or other, Y, Y):
        np.testing.assert_allclose(model.compute_loss(None, Y, Y - 3), 3.0)
    assert seen == [loss]
    with compiled.replaced_function(metric, lambda y_true, y_pred: y_true * 5):
        metric.update_state(Y, Y)
    np.testing.assert_allclose(metric.result(), 5.0)

    found = [value for value in public_attributes(metric) if value is function]
    check_still(not found, f"keras_fixes/compiled.py, and use {found}")


# Marks of tensors -----------------------------------------------------------


def test_keras_still_hides_the_mask_of_a_tensor():
    values = ops.convert_to_tensor(X)
    assert tensor_marks.mask_of(values, values) is None
    mask = np.array([[True, False, True]] * 4)
    writer = tensor_marks.MaskWriter()
    masked = writer([values * 2, ops.convert_to_tensor(mask)])
    np.testing.assert_array_equal(helpers.in_numpy(masked), X * 2)
    found = helpers.in_numpy(tensor_marks.mask_of(masked, masked))
    np.testing.assert_array_equal(found, mask.astype("float32"))

    class OneWithoutTwo(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return writer([y_true, ops.equal(y_true, 1)])

    # Keras' own mean, too, counts no other places.
    assert float(OneWithoutTwo()(np.array([1.0, 2.0, 1.0]), X[0])) == 1

    public = [
        f"{module.__name__}.{name}"
        for module in (keras, keras.backend, keras.ops, keras.utils, keras.losses)
        for name in dir(module)
        if "keras_mask" in name
    ]
    check_still(not public, f"the mask's half of tensor_marks.py, and use {public}")


@only_on("tensorflow")
def test_keras_still_hides_the_logits_behind_probabilities():
    logits = ops.convert_to_tensor(X * [100.0, 0.0, -100.0])
    for softmax in (keras.activations.softmax, ops.softmax):
        found = tensor_marks.logits_behind(softmax(logits))
        np.testing.assert_array_equal(helpers.in_numpy(found), helpers.in_numpy(logits))
    assert tensor_marks.logits_behind(ops.convert_to_tensor(X)) is None
    found = [v for v in public_attributes(ops.softmax(logits)) if v is logits]
    check_still(not found, f"`logits_behind` in tensor_marks.py, and use {found}")


# Tensors --------------------------------------------------------------------


@only_on("tensorflow")
def test_tensorflow_still_stacks_the_wrong_tensor():
    import tensorflow as tf

    def second_with_itself(join):
        @tf.function
        def run(x):
            _, second = ops.split(x, 2, axis=1)
            return ops.reshape(join(second, second), (-1,)) * 2.0

        return helpers.in_numpy(run(tf.constant([[1.0, 2.0], [3.0, 4.0]])))

    expected = [4.0, 4.0, 8.0, 8.0]
    np.testing.assert_array_equal(second_with_itself(tensors.interleave), expected)
    stacked = second_with_itself(lambda a, b: ops.stack([a, b], axis=1))
    check_still(
        (stacked != expected).any(),
        "the concatenation in keras_fixes/tensors.py, and use `ops.stack`",
    )


@only_on("torch")
def test_keras_still_masks_weights_in_place():
    rows = keras.layers.Masking()(ops.convert_to_tensor(X[:, :, None]))
    target, loss = ops.zeros_like(rows), keras.losses.MeanSquaredError()
    weights = ops.ones((4,))
    repeated = tensors.repeat_for_places(weights, rows)
    assert float(loss(target, rows, sample_weight=repeated)) == 1.0
    view = ops.broadcast_to(weights[:, None], (4, 3))
    try:
        loss(target, rows, sample_weight=view)
    except RuntimeError:
        return
    check_still(False, "the zeros in keras_fixes/tensors.py, and use `broadcast_to`")
