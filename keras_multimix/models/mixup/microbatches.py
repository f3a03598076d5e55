"""A training step in several parts, one after another: memory for one at a time.

Each part is a training step of Keras' own on some of the K interpolations; the
optimizer, which accumulates gradients, moves the weights at the last one.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras

from keras_multimix import namespaces
from keras_multimix.arguments import check_count
from keras_multimix.errors import invalid


class StepParts(NamedTuple):
    """What the parts of a step train on.

    Attributes:
        count: How many there are.
        of: A function of a part's number, an integer or a scalar tensor, that returns
            its `(data, hidden)`: a batch, and the `HiddenMixing` of its forward pass.
    """

    count: int
    of: Callable


def check_at_once(value, num_interpolations):
    """Refuses a number of interpolations at once that does not divide K.

    Args:
        value: What the caller passed; None is all of them.
        num_interpolations: K.

    Returns:
        The number of parts.

    Raises:
        ValueError: If it is no such number.
    """
    if value is None:
        return 1
    value = check_count("interpolations_at_once", value)
    if num_interpolations % value:
        raise invalid(
            "argument `interpolations_at_once`",
            expected=f"a divisor of the mixer's K, {num_interpolations}",
            received=f"interpolations_at_once={value}",
            fix="pass 1, or None for all of them at once",
        )
    return num_interpolations // value


def check_training(model, num_parts):
    """Refuses to train a model whose optimizer does not wait for all parts of a step.

    Args:
        model: A compiled `keras.Model`.
        num_parts: How many parts a step has.

    Raises:
        ValueError: If the optimizer does not accumulate the gradients of that many,
            does more than that between them, or an interrupted step has left some.
    """
    if num_parts == 1:
        return
    optimizer = model.optimizer
    kind = type(optimizer).__name__
    steps = getattr(optimizer, "gradient_accumulation_steps", None)
    if hasattr(optimizer, "inner_optimizer"):
        received = f"{kind}, which scales the loss and leaves parts out that overflow"
        fix = 'train in "mixed_bfloat16" or "float32"'
    elif getattr(optimizer, "use_ema", False):
        received = f"{kind}(use_ema=True), which averages the weights after each part"
        fix = "pass use_ema=False"
    elif (steps or 1) % num_parts:
        received = f"{kind} with gradient_accumulation_steps={steps}"
        fix = (
            f"pass for instance `keras.optimizers.{kind}(..., "
            f"gradient_accumulation_steps={num_parts})`"
        )
    elif _is_distributed(model):
        received = "a strategy of `tf.distribute`, under which Keras accumulates none"
        fix = "leave `interpolations_at_once` out and pass smaller batches"
    elif _parts_done(optimizer) % num_parts:
        received = f"one that holds the gradients of {_parts_done(optimizer)} parts"
        fix = "a step was interrupted: compile anew, or load a checkpoint"
    else:
        return
    raise invalid(
        "optimizer of a model with `interpolations_at_once`",
        expected=f"one that accumulates the gradients of a step's {num_parts} parts, "
        f"gradient_accumulation_steps={num_parts} or a multiple",
        received=received,
        fix=fix,
    )


def _is_distributed(model):
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None:
        return False
    import tensorflow as tf

    default = not tf.distribute.has_strategy() and tf.distribute.get_strategy()
    return strategy is not default


def _parts_done(optimizer):
    (count,) = [each for each in optimizer.variables if each.name == "iteration"]
    return int(keras.ops.convert_to_numpy(count.value))


def run(count, step):
    """Runs the parts of a step on TensorFlow or PyTorch.

    Args:
        count: How many parts there are, 2 or more.
        step: A function of a part's number.
    """
    if not namespaces.in_tensorflow_graph():
        for number in range(count):
            step(number)
        return
    import tensorflow as tf

    # A loop, which keeps the parts apart: of operations side by side a compiler would
    # start the next part before it has let go of the last one's memory.
    def body(number):
        step(number)
        return (number + 1,)

    tf.while_loop(
        lambda number: number < count, body, (tf.constant(0),), parallel_iterations=1
    )


def run_in_state(count, step, state):
    """Runs the parts of a step on JAX, from a state to the next.

    Args:
        count: How many parts there are.
        step: A function of a state and a part's number that returns `(logs, state)`.
        state: A structure of arrays.

    Returns:
        The last part's `(logs, state)`.
    """
    if count == 1:
        return step(state, 0)
    import jax

    def body(state, number):
        logs, state = step(state, number)
        return state, logs

    # On the CPU convolutions are many times slower in a loop (jaxlib 0.10). Written
    # out, the parts still run in turn: each reads the last one's state.
    unroll = jax.default_backend() == "cpu"
    state, logs = jax.lax.scan(body, state, jax.numpy.arange(count), unroll=unroll)
    return keras.tree.map_structure(lambda values: values[-1], logs), state
