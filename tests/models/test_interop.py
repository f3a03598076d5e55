"""The backbones of KerasHub and KerasCV train inside `MixupModel`."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MixupModel, MultiMix
from tests import helpers, oracle

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def resnet():
    keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 16],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )


def mobilenet():
    if helpers.backend() != "tensorflow":
        pytest.skip("KerasCV is used with TensorFlow")
    keras_cv = pytest.importorskip("keras_cv", reason="KerasCV is not installed")
    # Its named variants, such as MobileNetV3SmallBackbone, download their settings.
    return keras_cv.models.MobileNetV3Backbone(
        stackwise_expansion=[1, 2, 2],
        stackwise_filters=[8, 8, 8],
        stackwise_kernel_size=[3, 3, 3],
        stackwise_stride=[2, 1, 1],
        stackwise_se_ratio=[0.25, None, 0.25],
        stackwise_activation=["relu", "relu", "hard_swish"],
        include_rescaling=False,
        input_shape=(16, 16, 3),
    )


def bert():
    keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    return keras_hub.models.BertBackbone(
        vocabulary_size=30,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        dropout=0.0,
        max_sequence_length=8,
    )


def image_classifier(backbone):
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    return keras.Model(backbone.input, keras.layers.Dense(3)(pooled))


def text_classifier(backbone):
    top = keras.layers.Dense(2, name="top")(backbone.output["pooled_output"])
    return keras.Model(backbone.input, top)


def images():
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 3))
    return x.astype("float32"), np.arange(8) % 3


def texts():
    """Texts of 3 to 8 tokens, the first of which tells the class."""
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    padding_mask = np.arange(8) < rng.integers(3, 9, size=(12, 1))
    token_ids = np.where(padding_mask, rng.integers(3, 30, size=(12, 8)), 0)
    token_ids[:, 0] = 1 + y
    x = {
        "token_ids": token_ids,
        "segment_ids": np.zeros_like(token_ids),
        "padding_mask": padding_mask,
    }
    return {name: value.astype("int32") for name, value in x.items()}, y


def compiled(base_model, mixer, mix_at=None, optimizer="sgd"):
    model = MixupModel(base_model, mixer, mix_at=mix_at)
    model.compile(optimizer, LOSS)
    return model


def assert_trained(model, backbone, x, y, **arguments):
    """Trains, checks that every weight has moved, and returns the losses."""
    before = [np.array(w) for w in backbone.get_weights()]
    losses = model.fit(x, y, batch_size=4, verbose=0, **arguments).history["loss"]
    assert np.isfinite(losses).all()
    for old, new in zip(before, backbone.get_weights(), strict=True):
        assert np.isfinite(new).all() and (old != new).any()
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), model.base_model.predict(x, verbose=0)
    )
    return losses


def assert_saved_models_predict_the_same(model, x, path):
    expected = model.predict(x, verbose=0)
    for saved in (model, model.base_model):
        saved.save(path)
        loaded = keras.saving.load_model(path)
        np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, atol=1e-5)


IMAGE_BACKBONES = pytest.mark.parametrize(
    ("make", "points"),
    [
        (resnet, ["input", "pool1_pool", "stack0_block0_out"]),
        (mobilenet, ["input", "Conv_BatchNorm", "expanded_conv_1_Add"]),
    ],
    ids=["keras_hub", "keras_cv"],
)


@pytest.mark.spread
@IMAGE_BACKBONES
@pytest.mark.parametrize("hidden", [False, True], ids=["inputs", "hidden"])
def test_image_backbones_train(make, points, hidden, tmp_path):
    backbone = make()
    mixer = MultiMix(num_interpolations=2, seed=1)
    mix_at = points if hidden else None
    model = compiled(image_classifier(backbone), mixer, mix_at)
    x, y = images()
    assert_trained(model, backbone, x, y, epochs=2)
    if hidden and make is resnet:  # KerasCV cannot load its own backbone any more
        assert_saved_models_predict_the_same(model, x, tmp_path / "model.keras")


@IMAGE_BACKBONES
def test_a_name_inside_of_a_block_is_answered_with_better_ones(make, points):
    base_model = image_classifier(make())
    inside = {resnet: "stack0_block0_1_conv", mobilenet: "expanded_conv_1_expand"}
    with pytest.raises(ValueError, match="a connection passes by") as error:
        MixupModel(base_model, MixUp(), mix_at=[inside[make]])
    assert all(f"'{name}'" in str(error.value) for name in points)


@pytest.mark.spread
@pytest.mark.parametrize(
    "points",
    [
        pytest.param(["embeddings_dropout"], marks=pytest.mark.slow),
        ["embeddings_add", "transformer_layer_0"],
    ],
    ids=["embedding", "encoder"],
)
def test_a_text_backbone_learns_from_token_ids(points, tmp_path):
    backbone = bert()
    mixer = MultiMix(0.4, num_interpolations=2, seed=1)
    optimizer = keras.optimizers.Adam(0.01)
    model = compiled(text_classifier(backbone), mixer, points, optimizer)
    x, y = texts()
    losses = assert_trained(model, backbone, x, y, epochs=4)
    assert losses[-1] < losses[0]
    assert_saved_models_predict_the_same(model, x, tmp_path / "model.keras")


def test_attention_sees_what_is_no_padding_in_either_parent():
    base_model = text_classifier(bert())
    optimizer = keras.optimizers.SGD(0.0)
    model = compiled(base_model, MixUp(1.0, seed=2), ["embeddings_dropout"], optimizer)
    x, y = texts()
    (loss,) = model.fit(x, y, batch_size=12, shuffle=False, verbose=0).history["loss"]

    drawn = MixUp(1.0, seed=2, num_classes=2)
    drawn = drawn.get_random_transformation((np.zeros((12, 1)), y), step=0)
    pairs = np.array(drawn["partner"]), np.array(drawn["coefficients"])
    embedded = base_model.get_layer("embeddings_dropout").output
    features = keras.Model(base_model.input, embedded).predict(x, verbose=0)
    features = oracle.interpolate(features, *pairs).astype("float32")
    padding_mask = x["padding_mask"] | x["padding_mask"][pairs[0]]
    for name in ("transformer_layer_0", "transformer_layer_1"):
        features = base_model.get_layer(name)(features, padding_mask=padding_mask)
    pooled = base_model.get_layer("pooled_dense")(features[:, 0])
    logits = base_model.get_layer("top")(pooled)
    labels = oracle.interpolate(oracle.one_hot(y, 2), *pairs)
    expected = keras.losses.categorical_crossentropy(labels, logits, from_logits=True)
    assert loss == pytest.approx(helpers.in_numpy(expected).mean(), rel=1e-4)


def test_mixing_the_token_ids_themselves_is_refused():
    model = compiled(text_classifier(bert()), MixUp())
    with pytest.raises(ValueError, match="token or category ids.*mix_at"):
        model.fit(*texts(), verbose=0)
