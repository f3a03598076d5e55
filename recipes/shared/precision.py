"""What layers compute in: float32, or half of its bits."""

import contextlib

CHOICES = ("none", "bfloat16", "float16")


def add_option(parser):
    """Adds `--mixed-precision` to a parser."""
    parser.add_argument(
        "--mixed-precision",
        choices=CHOICES,
        default="none",
        help="what layers compute in; weights, logits and losses stay float32",
    )


@contextlib.contextmanager
def computing_in(name):
    """Layers built in the block compute in mixed precision.

    Args:
        name: "bfloat16" or "float16"; "none" changes nothing.
    """
    import keras

    before = keras.config.dtype_policy()
    if name != "none":
        keras.config.set_dtype_policy(f"mixed_{name}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
