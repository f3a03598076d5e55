"""What a model ends in: a softmax, sigmoids or its logits, and the graph before it."""

import keras
import numpy as np

from keras_multimix.keras_fixes import model_graph

_KINDS = (
    (keras.activations.softmax, "softmax"),
    (keras.activations.sigmoid, "sigmoid"),
    (keras.ops.softmax, "softmax"),
    (keras.ops.sigmoid, "sigmoid"),
)
_PASS_ON = (keras.layers.Identity, keras.layers.Dropout)


def kind_of(operation):
    """Returns "softmax" or "sigmoid" if an operation ends in that, or None."""
    activation = getattr(operation, "activation", None)
    for function, kind in _KINDS:
        if activation is function:
            return kind
    # `keras.ops.softmax` in a graph is an operation of that name, as the layer is.
    return {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(type(operation).__name__)


def has_own_activation(operation):
    """Whether an operation that ends in a softmax or sigmoids does more than that."""
    return getattr(operation, "activation", None) is not None


def is_over_last_axis(operation, rank):
    """Whether a softmax of scores with so many axes is taken over the last of them."""
    return getattr(operation, "axis", -1) in (-1, rank - 1)


def is_linear(operation):
    """Whether an operation has an activation that changes nothing."""
    return getattr(operation, "activation", None) is keras.activations.linear


def shown(operation):
    """Returns how an error names the operation that scores come from."""
    return "a model without a graph" if operation is None else type(operation).__name__


def look_like_probabilities(scores: np.ndarray):
    """Whether all scores lie between 0 and 1, and not all of them are 0."""
    return bool(scores.min() >= 0 and 0 < scores.max() <= 1)


def last_operation(model: keras.Model, pass_by=()):
    """Returns the operation that gives a model's scores, or None.

    Args:
        model: Any model.
        pass_by: Classes of further layers that leave the scores as they are.
    """
    if isinstance(model, keras.Sequential):
        operations = reversed(model.layers)
    else:
        operations = (node.operation for node in _from_the_end(model))
    for operation in operations:
        if isinstance(operation, keras.Model):
            return last_operation(operation, pass_by)
        if not (_passes_on(operation) or isinstance(operation, pass_by)):
            return operation
    return None


def has_graph(model: keras.Model):
    """Whether a model has a graph of layers: functional ones and built sequences."""
    try:
        return bool(model.inputs and model.outputs)
    except AttributeError:
        return False


def without_ending(model: keras.Model):
    """Returns the symbolic logits of a model, and what it makes scores of them with.

    The tensor belongs to the model's own graph, so that a model of it shares all layers
    with this one, but for a last layer that has an activation beside weights: that is
    copied, with its weights, without the activation.

    Args:
        model: A model that `has_graph`, with one output.

    Returns:
        The tensor, and "softmax" or "sigmoid"; or the model's output and None where it
        ends in neither, in a softmax over another axis than the last, or in a layer of
        the user's that is not made without its activation.
    """
    (output,) = model.outputs
    for node in _from_the_end(model):
        operation, call = node.operation, node.arguments
        if _passes_on(operation):
            continue
        kind = kind_of(operation)
        if isinstance(operation, keras.Model) and has_graph(operation):
            inner, kind = without_ending(operation)
            if kind is not None:
                name = new_name(f"{operation.name}_logits", names_in(model))
                below = keras.Model(inputs_of(operation), inner, name=name)
                return below(*call.args, **call.kwargs), kind
        elif kind is not None and is_over_last_axis(operation, len(output.shape)):
            if isinstance(operation, keras.layers.Activation) or not (
                has_own_activation(operation)
            ):
                return node.input_tensors[0], kind
            layer = _without_activation(operation, taken=names_in(model))
            if layer is not None:
                logits = layer(*call.args, **call.kwargs)
                layer.set_weights(operation.get_weights())
                return logits, kind
        break
    return output, None


def inputs_of(model: keras.Model):
    """Returns the symbolic inputs of a model that `has_graph`, in their structure."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def names_in(model: keras.Model):
    """Returns the names of a model's layers and operations, a set."""
    return {each.name for each in getattr(model, "operations", model.layers)}


def new_name(name: str | None, taken):
    """Returns a name that is not taken: Keras refuses two layers of the same name."""
    number, found = 1, name
    while found in taken:
        number, found = number + 1, f"{name}_{number}"
    return found


def _from_the_end(model):
    """Yields the nodes of a graph from the output on, as long as it does not branch."""
    tensors = keras.tree.flatten(getattr(model, "outputs", None) or [])
    while len(tensors) == 1:
        node = model_graph.node_of(tensors[0])
        yield node
        tensors = node.input_tensors


def _passes_on(operation):
    is_activation = isinstance(operation, keras.layers.Activation)
    return isinstance(operation, _PASS_ON) or (is_activation and is_linear(operation))


def _without_activation(layer, taken):
    """Returns a layer like another but without its activation, or None."""
    name = new_name(f"{layer.name}_logits", taken)
    config = layer.get_config() | {"activation": "linear", "name": name}
    try:
        copy = type(layer).from_config(config)
    except (TypeError, ValueError):
        return None
    return copy if is_linear(copy) else None
