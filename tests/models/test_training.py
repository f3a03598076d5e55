"""Every way to train: kinds of models, data, options; the random state all along."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, MultiMix
from tests import helpers


class Subclassed(keras.Model):
    """A model with a call of its own that takes no `training`."""

    def __init__(self):
        super().__init__()
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(self.flatten(x))


def functional():
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))


def sequential():
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])


def application():
    return keras.applications.MobileNet(
        (32, 32, 1), alpha=0.25, weights=None, classes=3, classifier_activation=None
    )


def arrays(rows=10, size=8):
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 3
    x = rng.normal(size=(rows, size, size, 1)) + y[:, None, None, None]
    return x.astype("float32"), y


def compiled(base=None, mixer=None, **arguments):
    keras.utils.set_random_seed(1)
    model = MixupModel(
        functional() if base is None else base(),
        MixUp(0.3, seed=5) if mixer is None else mixer,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        **{"optimizer": "adam", "loss": loss, "metrics": ["accuracy"]} | arguments
    )
    return model


@pytest.mark.spread
@pytest.mark.parametrize(
    "mixer", [MultiMix(seed=5), CutMix(seed=5)], ids=["multi", "cut"]
)
@pytest.mark.parametrize("base", [functional, sequential, Subclassed])
def test_kinds_of_models(base, mixer):
    x, y = arrays()
    mixer = type(mixer).from_config(mixer.get_config())
    model = compiled(base, mixer)
    history = model.fit(
        x, y, batch_size=4, epochs=3, validation_data=(x, y), verbose=0
    ).history
    assert sorted(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert np.isfinite(history["loss"]).all()
    assert helpers.state(model.mixer)[2] == 9


@pytest.mark.spread
def test_an_application():
    x, y = arrays(6, 32)
    model = compiled(application, MultiMix(num_interpolations=2, seed=5))
    history = model.fit(x, y, batch_size=6, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_it_learns():
    x, y = arrays(60)
    model = compiled(
        sequential, MultiMix(0.2, seed=5), optimizer=keras.optimizers.Adam(0.01)
    )
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    model.fit(x, y, batch_size=20, epochs=15, verbose=0)
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    assert after["loss"] < before["loss"] and after["accuracy"] > 0.8


def test_evaluation_is_the_base_models_and_moves_nothing():
    x, y = arrays()
    model = compiled()
    model.fit(x, y, verbose=0)
    state = helpers.state(model.mixer)
    base = model.base_model
    base.compile("adam", model.loss, metrics=["accuracy"])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(
        base.evaluate(x, y, verbose=0)
    )
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), base.predict(x, verbose=0)
    )
    outputs = [
        helpers.in_numpy(each(helpers.tensors(x), training=False))
        for each in (model, base)
    ]
    np.testing.assert_array_equal(*outputs)
    assert helpers.state(model.mixer) == state


def feed(kind, x, y):
    if kind == "arrays":
        return {"x": x, "y": y, "batch_size": 4}
    if kind == "tf.data":
        return {"x": helpers.dataset(x, y, batch_size=4)}
    starts = range(0, len(x), 4)
    if kind == "generator":
        batches = ((x[i : i + 4], y[i : i + 4]) for _ in range(9) for i in starts)
        return {"x": batches, "steps_per_epoch": 3}
    if kind == "DataLoader":
        torch = pytest.importorskip("torch")
        pairs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
        return {"x": torch.utils.data.DataLoader(pairs, batch_size=4)}

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(starts)

        def __getitem__(self, i):
            return x[4 * i : 4 * i + 4], y[4 * i : 4 * i + 4]

    return {"x": Batches()}


@pytest.mark.spread
@pytest.mark.parametrize("kind", ["tf.data", "generator", "DataLoader", "PyDataset"])
def test_kinds_of_data(kind):
    x, y = arrays()  # batches of 4, 4 and 2
    losses = {}
    for each in ("arrays", kind):
        model = compiled(sequential)
        # Of datasets Keras warns if it is told anything about shuffling but False.
        history = model.fit(**feed(each, x, y), shuffle=False, epochs=2, verbose=0)
        losses[each] = history.history["loss"]
        assert helpers.state(model.mixer)[2] == 6
    np.testing.assert_allclose(losses[kind], losses["arrays"], rtol=1e-4)


@pytest.mark.spread
@pytest.mark.parametrize(
    "options",
    [
        {"run_eagerly": True},
        {"jit_compile": True},
        {"jit_compile": False},
        {"steps_per_execution": 2},
        {"optimizer": "accumulating"},
        {"optimizer": "scaling"},
    ],
    ids=lambda options: "-".join(map(str, *options.items())),
)
def test_options_change_nothing_about_the_draws(options):
    if options.get("jit_compile") and helpers.backend() == "torch":
        pytest.skip("compiling takes torch minutes; the layers are compiled elsewhere")
    if "steps_per_execution" in options and helpers.backend() == "torch":
        pytest.skip("Keras takes one step at a time on torch")
    x, y = arrays(12)
    optimizers = {
        "accumulating": lambda: keras.optimizers.SGD(gradient_accumulation_steps=2),
        "scaling": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
    }
    if "optimizer" in options:
        options = {"optimizer": optimizers[options["optimizer"]]()}
    losses = []
    for arguments in ({"optimizer": "sgd"}, {"optimizer": "sgd"} | options):
        model = compiled(sequential, MultiMix(0.3, 3, seed=5), **arguments)
        history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
        assert helpers.state(model.mixer) == [5, 0, 6]
    # Accumulating postpones an update, so only the first batch's loss is the same.
    if not isinstance(options.get("optimizer"), keras.optimizers.SGD):
        np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(dtype_policy, policy):
    dtype_policy(policy)
    x, y = arrays()
    history = compiled(mixer=MultiMix(0.3, 2, seed=5)).fit(
        x, y, batch_size=4, verbose=0
    )
    assert np.isfinite(history.history["loss"]).all()


def test_one_row_batches():
    x, y = arrays(3)
    history = compiled(sequential).fit(x, y, batch_size=1, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_seed_repeats_the_run_and_another_does_not():
    x, y = arrays()

    def losses(seed):
        model = compiled(sequential, MixUp(1.0, seed=seed))
        fit = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        return fit.history["loss"]

    assert losses(1) == pytest.approx(losses(1), rel=1e-6)
    assert losses(1) != pytest.approx(losses(2), rel=1e-6)


@pytest.mark.parametrize(
    "metrics",
    [
        ["accuracy"],
        [keras.metrics.SparseTopKCategoricalAccuracy(2)],
        ["accuracy", keras.metrics.SparseCategoricalCrossentropy(from_logits=True)],
    ],
)
def test_metrics_are_as_they_were_after_an_exception(metrics):
    x, y = arrays()
    model = compiled(sequential, metrics=metrics)

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[Stop()])
    for group in model.metrics:
        for metric in getattr(group, "metrics", [group]):
            assert "update_state" not in vars(metric)
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    assert np.isfinite(model.evaluate(x, y, verbose=0)).all()


def test_binary_and_multilabel_metrics():
    x, _ = arrays(20)
    y = (x[:, :4, 0, 0] > 0).astype("float32")
    base = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4, "sigmoid")])
    model = compiled(
        lambda: base,
        loss="binary_crossentropy",
        metrics=[
            keras.metrics.AUC(multi_label=True),
            "binary_accuracy",
            keras.metrics.Recall(),
        ],
    )
    logs = model.fit(x, y, batch_size=10, verbose=0).history
    assert len(logs) == 4 and np.isfinite(list(logs.values())).all()


def with_statistics():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.BatchNormalization(momentum=0.5, name="normalized"),
            keras.layers.Dense(3),
        ]
    )


class Subclassed(keras.Model):
    """Its own `call` knows of no `training`."""

    def __init__(self):
        super().__init__()
        self.layer = with_statistics()

    def call(self, x):
        return self.layer(x)


@pytest.mark.parametrize("make", [with_statistics, Subclassed])
@pytest.mark.parametrize("mixed", [None, ["input"], ["normalized"]])
def test_the_base_model_knows_that_it_trains(rng, make, mixed):
    if make is Subclassed and mixed and mixed != ["input"]:
        pytest.skip("a subclassed model has no graph")
    x, y = rng.normal(3, 1, size=(12, 4)).astype("float32"), np.arange(12) % 3
    models = []
    for wrap in (False, True):
        keras.utils.set_random_seed(1)
        plain = make()
        model = MixupModel(plain, MixUp(0), mix_at=mixed) if wrap else plain
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        models.append(plain)
    if make is with_statistics:
        for a, b in zip(models[0].weights, models[1].weights, strict=True):
            np.testing.assert_allclose(np.array(a), np.array(b), atol=1e-5)
    moving = [np.array(w) for w in models[1].weights if "moving_mean" in w.path]
    assert (np.abs(moving[0]) > 1).all()


def test_dropout_drops_while_training_only():
    x, y = np.ones((32, 4), "float32"), np.zeros((32, 1), "float32")
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dropout(0.5, seed=1),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"),
        ]
    )
    model = MixupModel(base, MixUp(0))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    (loss,) = model.fit(x, y, batch_size=32, verbose=0).history["loss"]
    # Sums of four numbers, 0 or 2 each: their mean square is 20, not 16.
    assert 16.5 < loss < 24
    assert model.evaluate(x, y, verbose=0) == pytest.approx(16)
