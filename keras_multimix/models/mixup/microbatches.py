"""A training step in several microbatches, so that memory holds one of them at a time.

Each microbatch has some of the K interpolations of every pair, and goes through Keras'
own training step. The optimizer accumulates the gradients and changes the weights after
the last microbatch.
"""

import keras

from keras_multimix import runtime
from keras_multimix.annotations import State
from keras_multimix.arguments import check_count, invalid


def count_microbatches(interpolations_at_once, num_interpolations):
    """Returns how many microbatches a step has.

    Args:
        interpolations_at_once: The argument that the caller passed; None is all of
            them.
        num_interpolations: K.

    Raises:
        ValueError: If it is no divisor of K.
    """
    if interpolations_at_once is None:
        return 1
    value = check_count("interpolations_at_once", interpolations_at_once)
    if num_interpolations % value:
        raise invalid(
            "argument `interpolations_at_once`",
            expected=f"a divisor of the mixer's K, {num_interpolations}",
            received=f"interpolations_at_once={value}",
            fix="pass 1, or None for all of them at once",
        )
    return num_interpolations // value


def check_optimizer(model, count):
    """Refuses an optimizer that changes the weights before the last microbatch.

    Args:
        model: A compiled `keras.Model`.
        count: How many microbatches a step has.

    Raises:
        ValueError: If the optimizer accumulates the gradients of another number of
            microbatches, does anything else after each of them, or still holds
            gradients of an interrupted step.
    """
    if count == 1:
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
    elif (steps or 1) % count:
        received = f"{kind} with gradient_accumulation_steps={steps}"
        fix = (
            f"pass for instance `keras.optimizers.{kind}(..., "
            f"gradient_accumulation_steps={count})`"
        )
    elif _is_distributed(model):
        received = "a strategy of `tf.distribute`, under which Keras accumulates none"
        fix = "leave `interpolations_at_once` out and pass smaller batches"
    elif _num_held(optimizer) % count:
        received = f"one that holds the gradients of {_num_held(optimizer)} parts"
        fix = "call `compile` again, or load a checkpoint: a step was interrupted"
    else:
        return
    raise invalid(
        "optimizer of a model with `interpolations_at_once`",
        expected=f"one that accumulates the gradients of a step's {count} parts, "
        f"gradient_accumulation_steps={count} or a multiple",
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


def _num_held(optimizer):
    (count,) = [each for each in optimizer.variables if each.name == "iteration"]
    return int(keras.ops.convert_to_numpy(count.value))


def run(count, step):
    """Runs a step on each microbatch in turn, on TensorFlow or PyTorch.

    Args:
        count: How many microbatches there are, 2 or more.
        step: A function of a microbatch's number.
    """
    if not runtime.in_tensorflow_graph():
        for number in range(count):
            step(number)
        return
    import tensorflow as tf

    # Without a loop, a compiler would see all microbatches side by side, and start the
    # next one before it has released the memory of the last one.
    def body(number):
        step(number)
        return (number + 1,)

    tf.while_loop(
        lambda number: number < count, body, (tf.constant(0),), parallel_iterations=1
    )


def run_statelessly(count, step, state: State):
    """Runs a step on each microbatch in turn, on JAX, from one state to the next.

    Args:
        count: How many microbatches there are.
        step: A function of a state and a microbatch's number that returns
            `(logs, state)`.
        state: A structure of arrays.

    Returns:
        The `(logs, state)` after the last microbatch.
    """
    if count == 1:
        return step(state, 0)
    import jax

    def body(state: State, number):
        logs, state = step(state, number)
        return state, logs

    # On the CPU, convolutions are many times slower inside a loop (jaxlib 0.10), so the
    # loop is unrolled. The steps still run in turn: each reads the state of the last.
    unroll = jax.default_backend() == "cpu"
    state, logs = jax.lax.scan(body, state, jax.numpy.arange(count), unroll=unroll)
    return keras.tree.map_structure(lambda values: values[-1], logs), state
