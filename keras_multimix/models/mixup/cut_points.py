"""Where a model's graph can be cut: the layers that everything passes through.

A functional model is a graph of calls. A model can mix rows after a layer if everything
that the outputs depend on goes through one call of that layer. A connection that passes
the layer by would bring in rows that are not mixed. Only masks of padded sequences may
pass it by: Keras passes them to each layer that takes a mask, and the model mixes them
there.
"""

import difflib
from typing import Any, NamedTuple

import keras
from keras import tree

from keras_multimix.arguments import invalid
from keras_multimix.batches import leaves_of
from keras_multimix.keras_fixes.model_graph import last_node_of, node_of

INPUT = "input"
_MAX_LISTED = 40  # how many names an error lists


class Cut(NamedTuple):
    """A layer that cuts a model's graph.

    Attributes:
        operation: The layer or operation after which rows are mixed.
        mask_takers: The layers above it that take masks from below it: pairs of a layer
            and the names of the arguments that take them.
    """

    operation: Any
    mask_takers: list


def find(model, name):
    """Returns the `Cut` at a layer of a model.

    Args:
        model: A functional or `keras.Sequential` model.
        name: The layer's name. If layers of several nested models have the same name, a
            path such as `"resnet50/conv3_block1_out"`.

    Raises:
        ValueError: If no layer has that name, or the layer does not cut the graph. The
            message names the layers that do.
    """
    if not _has_graph(model):
        raise invalid(
            f"argument `mix_at`, {name!r}",
            expected='"input": the layers of a subclassed model form no graph that '
            "could be looked at",
            received=f"{name!r} and a {type(model).__name__}",
            fix="build the model with the functional API or `keras.Sequential`",
        )
    places = list(_places(model))
    matches = [place for place in places if name == place[0]] or [
        place for place in places if name == place[1].operation.name
    ]
    cuts = [cut for _, cut, problem in matches if problem is None]
    if len(cuts) == 1:
        return cuts[0]
    if len(cuts) > 1:
        problem = "a name that several layers have"
    elif matches:
        problem = f"{name!r}, {matches[0][2]}"
    else:
        problem = f"{name!r}, which no layer has"
    raise invalid(
        "argument `mix_at`",
        expected='"input" or the name of a layer that everything passes through, once',
        received=problem,
        fix=f"choose from {_names(places, name)}",
    )


def name_of(model, layer):
    """Returns the name or path by which `find` finds a layer of a model.

    Raises:
        ValueError: If the layer is no part of the model.
    """
    if not _has_graph(model):
        return layer.name  # which `find` refuses
    places = list(_places(model))
    for path, cut, _ in places:
        if cut.operation is layer:
            names = [other.operation.name for _, other, _ in places]
            return layer.name if names.count(layer.name) == 1 else path
    raise invalid(
        f"argument `mix_at`, layer {layer.name!r}",
        expected="a layer of `base_model`",
        received="a layer that is no part of it",
        fix=f"choose from {_names(places, layer.name)}",
    )


def build(model, x):
    """Builds a sequential model for inputs like `x`, so that it has a graph."""
    if not model.built:
        (inputs,) = leaves_of(x)
        model.build((None, *inputs.shape[1:]))


def features(operation):
    """Returns the outputs of a layer as `keras.KerasTensor`s of any number of rows."""
    try:
        outputs = operation.output
    except (AttributeError, ValueError):  # the layer is part of other models too
        outputs = list(last_node_of(operation).output_tensors)
    # If data has built a sequential model, the outputs have the first batch's rows.
    return tree.map_structure(
        lambda x: keras.KerasTensor((None, *x.shape[1:]), dtype=x.dtype), outputs
    )


def _names(places, wanted):
    """Lists the layers that cut the graph; in a long list, similar names come first."""
    cuts = [(path, cut.operation.name) for path, cut, bad in places if bad is None]
    names = [name for _, name in cuts]
    listed = [name if names.count(name) == 1 else path for path, name in cuts]
    more = len(listed) - _MAX_LISTED
    if more > 0:
        alike = difflib.get_close_matches(wanted, listed, n=10, cutoff=0.3)
        listed = alike + [name for name in listed if name not in alike]
    rest = [f"and {more} more"] if more > 0 else []
    return ", ".join([*map(repr, [INPUT, *listed[:_MAX_LISTED]]), *rest])


def _has_graph(model):
    return isinstance(model, keras.Sequential) or bool(
        getattr(model, "operations", None) and getattr(model, "outputs", None)
    )


def _places(model, prefix=""):
    """Yields each layer's path, its `Cut`, and why it cannot be cut there, or None."""
    chain = isinstance(model, keras.Sequential)
    # A sequential model that is not built has no graph yet, but every layer cuts it.
    graph = None if chain and not model.built else _Graph(model)
    for operation in model.layers if chain else model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        problem, takers = (None, []) if graph is None else graph.look_at(operation)
        path = prefix + operation.name
        yield path, Cut(operation, takers), problem
        if _has_graph(operation):
            for inner_path, inner, inner_problem in _places(operation, f"{path}/"):
                cut = Cut(inner.operation, inner.mask_takers + takers)
                yield inner_path, cut, problem or inner_problem


class _Graph:
    """The calls that lead from a functional model's inputs to its outputs."""

    def __init__(self, model):
        self._inputs = {id(node_of(tensor)) for tensor in model.inputs}
        self._outputs = [node_of(tensor) for tensor in tree.flatten(model.outputs)]
        self._calls = {}
        for node in self._below(self._outputs, _all_inputs):
            self._calls.setdefault(id(node.operation), []).append(node)

    def look_at(self, operation):
        """Returns why rows cannot be mixed after an operation, and the mask takers."""
        nodes = self._calls.get(id(operation), [])
        if len(nodes) != 1:
            return f"which the model calls {len(nodes)} times", []
        (cut,) = nodes
        above = self._below(self._outputs, _data_inputs, without=cut)
        if any(id(node) in self._inputs for node in above):
            return self._passed_by(cut), []
        takers = {}  # a layer that is called twice stands in it once
        for node in above:
            masks = _masks(node).items()
            names = {name for name, own in masks if self._any_from_below(own, cut)}
            if names:
                _, known = takers.get(id(node.operation), (None, set()))
                takers[id(node.operation)] = node.operation, known | names
        return None, list(takers.values())

    def _passed_by(self, cut):
        """Returns what passes a call by."""
        with_numbers = self._below(self._outputs, _no_masks_of_numbers, without=cut)
        if any(id(node) in self._inputs for node in with_numbers):
            return "which a connection passes by"
        return (
            "which a mask of floats passes by, as if its numbers were added to scores "
            "(only masks of bool or integers, not 0 where a place counts, are mixed)"
        )

    def _any_from_below(self, masks, cut):
        return any(self._comes_from_below(mask, cut) for mask in masks)

    def _comes_from_below(self, mask, cut):
        nodes = self._below([node_of(mask)], _all_inputs, without=cut)
        return any(id(node) in self._inputs for node in nodes)

    def _below(self, nodes, inputs_of, without=None):
        """Returns the given calls and all calls that lead to them."""
        stack, seen = list(nodes), {}
        while stack:
            node = stack.pop()
            if id(node) in seen or node is without:
                continue
            seen[id(node)] = node
            if id(node) not in self._inputs:
                stack += [node_of(tensor) for tensor in inputs_of(node)]
        return list(seen.values())


def _all_inputs(node):
    return node.input_tensors


def _data_inputs(node):
    return _without(_masks(node), node)


def _no_masks_of_numbers(node):
    return _without(_masks(node, of_numbers=True), node)


def _without(masks, node):
    left_out = {id(tensor) for own in masks.values() for tensor in own}
    return [tensor for tensor in node.input_tensors if id(tensor) not in left_out]


def _masks(node, of_numbers=False):
    """Returns the masks that a call takes, a dict: argument -> tensors.

    Args:
        node: The call.
        of_numbers: True adds masks of floats, which are data: such a mask may be added
            to scores or multiply them, and nobody can say how two of them mix.
    """
    masks = {
        name: [x for x in tree.flatten(value) if isinstance(x, keras.KerasTensor)]
        for name, value in node.arguments.kwargs.items()
        if _is_mask(name)
    }
    return {
        name: own
        for name, own in masks.items()
        if own and (of_numbers or not any("float" in str(x.dtype) for x in own))
    }


def _is_mask(name):
    # PyTorch's `key_padding_mask` is True where a place does not count.
    is_named = name == "mask" or name.endswith("_mask")
    return is_named and name != "key_padding_mask"
