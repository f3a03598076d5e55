"""How a run gets its data and starts: options that change results by rounding only."""

from recipes.shared import compile_cache
from recipes.shared.options import integer_from


def add_options(parser):
    """Adds them to a parser."""
    add = parser.add_argument
    add(
        "--workers",
        type=integer_from(1),
        help="threads that make batches ahead, beside the training; by default as many "
        "as tf.data finds best for a stream, and none for images in memory",
    )
    add(
        "--steps-per-execution",
        type=integer_from(1),
        metavar="N",
        help="make N steps at a time, with less time between them; not on PyTorch",
    )
    compile_cache.add_option(parser)


def check_options(parser, options):
    """Refuses what would do nothing, or what the backend cannot do."""
    if options.backend == "torch" and steps_per_execution(options) > 1:
        parser.error(
            "Expected one step at a time on PyTorch, where Keras can do no more. "
            f"Received: --steps-per-execution {options.steps_per_execution}. Leave it "
            "out, or choose --backend jax or tensorflow."
        )
    several = getattr(options, "devices", None) not in (None, 1)
    if options.backend == "tensorflow" and several and steps_per_execution(options) > 1:
        parser.error(
            "Expected one step at a time on several devices of TensorFlow, whose "
            "MirroredStrategy fails in Keras' loop over steps. Received: --devices "
            f"{options.devices} with --steps-per-execution "
            f"{options.steps_per_execution}. Leave one of them out."
        )
    if options.workers and getattr(options, "on_device", None):
        parser.error(
            "Expected images that the host crops, for threads of the host. Received: "
            f"--workers {options.workers} with --on-device. Leave one of them out."
        )


def steps_per_execution(options):
    """How many steps Keras makes at a time, for `compile`.

    Args:
        options: of a recipe, which need not have the option.
    """
    return getattr(options, "steps_per_execution", None) or 1


def check_steps(options, steps_per_epoch):
    """Refuses a stream whose epochs would not end at a step.

    Keras would take as many batches as fill the last execution: more in each epoch than
    the learning rate and the images of an epoch are made for.

    Args:
        options: of a recipe.
        steps_per_epoch: of the stream.

    Raises:
        ValueError: With the numbers that divide an epoch.
    """
    at_once = steps_per_execution(options)
    if steps_per_epoch % at_once:
        possible = [n for n in range(2, steps_per_epoch + 1) if not steps_per_epoch % n]
        near = sorted(possible, key=lambda n: abs(n - at_once))[:3]
        raise ValueError(
            f"Expected a divisor of the {steps_per_epoch} steps of an epoch. Received: "
            f"--steps-per-execution {at_once}. Use, for example, "
            f"{' or '.join(map(str, sorted(near))) or 1}, or another --batch-size."
        )
