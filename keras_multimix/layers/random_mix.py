"""One of several ways of mixing for each batch or each row."""

import functools
import math
import numbers

import keras
import numpy as np

from keras_multimix import namespaces, randomness, tracing
from keras_multimix.annotations import Ops, State, Structure, Transformation
from keras_multimix.arguments import check_choice, invalid
from keras_multimix.batches import Batch
from keras_multimix.layers import random_state, row_wise, shapes
from keras_multimix.layers.draws_ahead import DrawsAhead
from keras_multimix.layers.mix_up import MixUp
from keras_multimix.layers.mixing_layer import MixingLayer
from keras_multimix.layers.pair_mixing_layer import DATA_FORMATS, PairMixingLayer
from keras_multimix.layers.row_wise import RowWise

_ALONE = -1  # the choice of a batch that is not mixed


@keras.saving.register_keras_serializable(package="keras_multimix")
class RandomMix(MixingLayer):
    """Mixes with one of several layers, drawn at random for each batch or each row.

    Args:
        layers: A list of `MixUp`, `MultiMix`, `RegMixup` and `CutMix` layers with the
            same `num_interpolations`, `num_classes`, `label_smoothing`,
            `keep_batch_size`, `keep_originals`, `data_format`, `unmixed` and dtype.
        probabilities: The probability of each layer. If their sum is less than 1, the
            rest up to 1 is the probability that a batch is not mixed: its rows are
            repeated K times, and integer labels still become one-hot. None makes all
            layers equally likely.
        per: `"batch"`: one draw for all rows. `"row"`: one for each row, so that row i
            becomes what its layer would make of it in this batch; the layers then need
            the same `mix_labels`, and CutMix layers the same `axes`.
        data_format: `"channels_last"` or `"channels_first"`, for the layers that were
            made without a `data_format`. None takes the one of the other layers.
        seed: An integer of up to 64 bits for the choice. The layers draw from their
            own seeds: at step i, what they draw when they are called with `step=i`.
        **kwargs: `name` of the layer.

    Call arguments:
        x: As for `MixUp`. So are `y`, `sample_weight`, `training` and `step`.

    Returns:
        What the chosen layer returns.

    Raises:
        ValueError: For arguments that do not fit together, and as the layers do; a
            batch must suit all of them.

    References:
        MixUp and CutMix switched between: Wightman et al., "ResNet strikes back",
        2021, arXiv 2110.00476.

    Example:

    >>> import numpy as np
    >>> from keras_multimix import CutMix, MixUp, RandomMix
    >>> mixer = RandomMix([MixUp(0.8), CutMix(1.0)], probabilities=[0.5, 0.4], seed=1)
    >>> images, labels = np.ones((4, 8, 8, 3)), np.eye(4)
    >>> mixed_images, mixed_labels = mixer(images, labels)
    >>> int(mixer.get_random_transformation((images, labels), step=0)["choice"])
    0
    """

    def __init__(
        self,
        layers: list,
        probabilities: list | None = None,
        *,
        per: str = "batch",
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        layers = _check_layers(_of_one_format(_listed(layers), data_format))
        probabilities = _check_probabilities(probabilities, len(layers))
        check_choice("per", per, ("batch", "row"))
        super().__init__(seed=seed, **kwargs)
        self.layers = layers
        self.per = per
        self.probabilities = probabilities
        self.num_interpolations = layers[0].num_interpolations
        self.num_classes = layers[0].num_classes
        self.label_smoothing = layers[0].label_smoothing
        self.keep_batch_size = layers[0].keep_batch_size
        self.keep_originals = layers[0].keep_originals
        self.data_format = layers[0].data_format
        self.unmixed = layers[0].unmixed
        # Layers may differ in this. If one makes unions, labels are checked for it.
        unions = [layer for layer in layers if layer.mix_labels == "union"]
        self.mix_labels = "union" if unions else layers[0].mix_labels
        self._draws = DrawsAhead()
        # With α = 0 a batch is not mixed.
        self._alone = MixUp(
            0,
            self.num_interpolations,
            num_classes=self.num_classes,
            label_smoothing=self.label_smoothing,
            keep_batch_size=self.keep_batch_size,
            keep_originals=self.keep_originals,
            data_format=self.data_format,
            seed=0,
            dtype=layers[0].dtype_policy,
        )
        self._row_wise = RowWise(layers, self._alone) if per == "row" else None

    def _check(self, batch: Batch, mixed):
        """Refuses a batch that one of the layers cannot take."""
        for layer in self.layers:
            layer._check(batch, mixed)

    def _sample_transformation(self, batch: Batch, mixed, state: State, ops: Ops):
        """Draws which layer it is, and lets it draw."""
        count = 1
        if self.per == "row":
            rows = batch.input_leaves[0]
            count = rows.shape[0] if rows.shape[0] is not None else ops.shape(rows)[0]
        if namespaces.is_array(state) and isinstance(count, int):

            def sample(steps_state):
                return {"number": self._sample(steps_state, count)}

            draw_ops = namespaces.numpy_ops
            number = self._draws.at(state, count, count, sample)["number"]
        else:
            draw_ops, state = ops, tracing.convert_to(state, ops)
            number = self._sample(state, count, ops)

        def draw_with(layer):
            def draw():
                own_state = random_state.state_at(layer.random_state, state[2])
                drawn = layer._sample_transformation(batch, mixed, own_state, ops)
                return self._complete(drawn, ops)

            return draw

        branches = [draw_with(layer) for layer in self._all_layers]
        if self.per == "row":
            each = [branch() for branch in branches]
            drawn = row_wise.merge(each, tracing.convert_to(number, ops), ops)
        else:
            number = number[0]
            drawn = tracing.switch(number, branches, ops)
        alone = number >= len(self.layers)
        choice = draw_ops.cast(draw_ops.where(alone, _ALONE, number), "int32")
        return drawn | {"choice": tracing.convert_to(choice, ops)}

    @property
    def _format_is_given(self):
        """Whether the caller has said where images have their channels."""
        return any(layer._format_is_given for layer in self.layers)

    @property
    def _reads_layout(self):
        """Whether it matters where images have their channels."""
        return any(layer._reads_layout for layer in self.layers)

    @property
    def _shares_coefficients(self):
        """Whether all pairs of a batch have the same K coefficients."""
        shared = all(layer._shares_coefficients for layer in self.layers)
        return shared and self.per == "batch"

    def _sample(self, state: State, count, ops: Ops = namespaces.numpy_ops):
        """Draws numbers of layers, for one step or several; returns `(..., count)`."""
        first = ops.zeros_like(state[2])[..., None]
        positions = first + ops.arange(count, dtype="int32")
        words = randomness.random_words(state, randomness.CHOICE, positions, ops)
        limits = np.cumsum(self.probabilities).astype("float32")
        uniforms = randomness.uniforms(words, ops)[..., None]
        passed = ops.cast(uniforms >= ops.convert_to_tensor(limits), "int32")
        return ops.sum(passed, axis=-1)

    def _by_choice(self, function, transformation: Transformation, ops: Ops):
        """Returns what a function makes of the layer that a transformation chose."""
        if self.per == "row":
            return function(self._row_wise)
        choice = transformation["choice"]
        number = ops.where(choice < 0, len(self.layers), choice)
        branches = [functools.partial(function, layer) for layer in self._all_layers]
        return tracing.switch(number, branches, ops)

    def apply(self, data: Structure, transformation: Transformation):
        """Mixes a batch with the layer and the draws of a transformation."""
        if isinstance(transformation, dict) and "choice" in transformation:
            choice = tracing.to_numpy_if_on_host(transformation["choice"])
            known = np.arange(_ALONE, len(self.layers))
            if choice is not None and not np.isin(choice, known).all():
                raise invalid(
                    "transformation, entry 'choice'",
                    expected=f"a number from {_ALONE} (no mixing) to "
                    f"{len(self.layers) - 1}",
                    received=f"{choice}",
                    fix="pass the number of one of the layers",
                )
        return super().apply(data, transformation)

    def _cut_size(self, batch: Batch):
        """Returns the sizes that a layer cuts, or None if none of them does."""
        cuts = [each for each in self.layers if hasattr(each, "_cut_size")]
        return cuts[0]._cut_size(batch) if cuts else None

    def _transformation_shapes(self, num_rows):
        """Returns the shapes of a transformation's entries for a batch of B rows."""
        entries = {"choice": (num_rows,) if self.per == "row" else ()}
        for layer in self._all_layers:
            entries |= layer._transformation_shapes(num_rows)
        return entries

    def _output_spec(self, batch: Batch):
        """Returns the symbolic batch that mixing a symbolic one gives."""
        return shapes.output_spec(self.layers[0], batch)

    @property
    def _all_layers(self):
        return [*self.layers, self._alone]

    def _complete(self, drawn, ops: Ops):
        """Adds what other layers' transformations hold, as zeros."""
        entries = self._transformation_shapes(None)
        zeros = ops.cast(ops.zeros_like(drawn["coefficients"]), "int32")
        for key in sorted(set(entries) - {"choice", *drawn}):
            trailing = entries[key][2:]
            rows = ops.reshape(zeros, (-1, zeros.shape[1], *(1,) * len(trailing)))
            drawn[key] = rows + ops.convert_to_tensor(np.zeros(trailing, "int32"))
        # PyTorch's trees keep the order of keys, and the branches must be alike.
        return {key: drawn[key] for key in sorted(drawn)}

    def get_config(self):
        """Returns the layers, serialized, and the other arguments."""
        return super().get_config() | {
            "layers": [keras.saving.serialize_keras_object(x) for x in self.layers],
            "probabilities": self.probabilities,
            "per": self.per,
        }

    @classmethod
    def from_config(cls, config):
        """Returns a layer made from what `get_config` returned."""
        layers = [keras.saving.deserialize_keras_object(x) for x in config["layers"]]
        return cls(**config | {"layers": layers})


def _listed(layers):
    if not isinstance(layers, (list, tuple)):
        raise _no_layers(layers)
    return list(layers)


def _no_layers(layers):
    return invalid(
        "argument `layers`",
        expected="a list of MixUp, MultiMix, RegMixup and CutMix layers",
        received=f"layers={layers!r:.100}",
        fix="pass for instance `[MixUp(0.8), CutMix(1.0)]`",
    )


def _check_layers(layers):
    if not layers or not all(isinstance(each, PairMixingLayer) for each in layers):
        raise _no_layers(layers)
    names = (
        "num_interpolations",
        "num_classes",
        "label_smoothing",
        "keep_batch_size",
        "keep_originals",
        "data_format",
        "unmixed",
        "dtype",
    )
    values = {name: [getattr(layer, name) for layer in layers] for name in names}
    unlike = {
        f"`{name}`": own
        for name, own in values.items()
        if any(value != own[0] for value in own)
    }
    if unlike:
        same = " and ".join(unlike)
        raise invalid(
            "argument `layers`",
            expected=f"layers of the same {same}, so that their batches are alike",
            received="; ".join(f"{name} {own}" for name, own in unlike.items()),
            fix=f"give all of them the same {same}",
        )
    boxes = {layer._transformation_shapes(1).get("boxes") for layer in layers} - {None}
    if len(boxes) > 1:
        raise invalid(
            "argument `layers`",
            expected="CutMix layers that cut along equally many axes",
            received=f"{[getattr(layer, 'axes', None) for layer in layers]}",
            fix="give all of them the same number of `axes`",
        )
    return layers


def _of_one_format(layers, data_format):
    """Gives layers without a `data_format` of their own the one of the others."""
    known = [each for each in layers if isinstance(each, PairMixingLayer)]
    given = {each.data_format for each in known if each._format_is_given}
    if data_format is not None:
        check_choice("data_format", data_format, DATA_FORMATS)
        given.add(data_format)
    if len(given) > 1:
        raise invalid(
            "argument `data_format`",
            expected="one for all layers",
            received=f"{sorted(given)}",
            fix="pass it to `RandomMix` only, or the same one to all layers",
        )
    for layer in known if given else ():
        (layer.data_format,), layer._format_is_given = given, True
    return layers


def _check_probabilities(probabilities, count):
    if probabilities is None:
        return [1.0 / count] * count
    given = probabilities if isinstance(probabilities, (list, tuple)) else []
    fair = [
        isinstance(each, numbers.Real) and not isinstance(each, bool) and each >= 0
        for each in given
    ]
    if len(given) != count or not all(fair) or not math.fsum(given) <= 1 + 1e-6:
        raise invalid(
            "argument `probabilities`",
            expected=f"{count} numbers, 0 or more, that sum to 1 or less",
            received=f"probabilities={probabilities!r:.100}",
            fix="pass one for each layer; the rest up to 1 is the probability that a "
            "batch is not mixed",
        )
    return [float(p) for p in given]
