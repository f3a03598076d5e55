"""The graph of a functional model.

Keras builds a graph of calls, which it calls nodes, but offers no public way to walk
through it (keras#19278). A node has an `operation`, `input_tensors`, `output_tensors`
and `arguments`.
"""


def node_of(tensor):
    """Returns the node that made a `keras.KerasTensor`."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def last_node_of(operation):
    """Returns the node of an operation's last call."""
    return operation._inbound_nodes[-1]
