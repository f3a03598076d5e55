"""What `MixupGAN` refuses."""

import keras

from keras_multimix.arguments import invalid
from keras_multimix.batches import same_shape
from keras_multimix.models import endings

_RESHAPING = (keras.layers.Flatten, keras.layers.Reshape)


def check_networks(generator, discriminator, from_logits):
    """Refuses networks that do not fit each other.

    Args:
        generator: As for `MixupGAN`.
        discriminator: As for `MixupGAN`.
        from_logits: As for `MixupGAN`.

    Raises:
        ValueError: If they do not.
    """
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model) or not network.built:
            raise invalid(
                f"argument `{name}`",
                expected="a keras.Model whose shapes are known",
                received=f"{network!r:.80}",
                fix="begin it with `keras.Input(shape)`",
            )
        for side in ("inputs", "outputs"):
            if len(getattr(network, side, None) or [None]) != 1:
                raise invalid(
                    f"argument `{name}`",
                    expected="a model of one input and one output",
                    received=f"{len(getattr(network, side))} {side}",
                    fix="leave the others out",
                )
    if tuple(discriminator.output_shape[1:]) not in ((), (1,)):
        raise invalid(
            "argument `discriminator`",
            expected="one output for each row, (B, 1): how real it is",
            received=f"outputs of shape {tuple(discriminator.output_shape)}",
            fix="end it with `keras.layers.Dense(1)`",
        )
    made, seen = generator.output_shape, discriminator.input_shape
    if tuple(made[1:]) != tuple(seen[1:]):
        raise invalid(
            "arguments `generator` and `discriminator`",
            expected=f"a generator of rows that the discriminator takes, {seen}",
            received=f"a generator of rows {made}",
            fix="change the last layer of the generator, or the input of the "
            "discriminator",
        )
    last = endings.last_operation(discriminator, pass_by=_RESHAPING)
    if from_logits and endings.kind_of(last) == "sigmoid":
        raise invalid(
            "argument `discriminator`",
            expected="logits, since from_logits=True",
            received="a model that ends in a sigmoid",
            fix="take the sigmoid away, which is more exact, or pass from_logits=False",
        )
    if not from_logits and endings.is_linear(last):
        raise invalid(
            "argument `from_logits`",
            expected="from_logits=True, since the discriminator ends in no sigmoid",
            received=f"from_logits=False and {type(last).__name__} without an "
            "activation",
            fix="leave `from_logits` out",
        )


def check_rows(rows, output_shape):
    """Refuses data whose rows are not like the generator's.

    Args:
        rows: A batch, or all data.
        output_shape: The shape of the generator's output.

    Raises:
        ValueError: If they are no array, have another shape or are complex, or there
            are no rows.
    """
    expected = tuple(output_shape[1:])
    if not hasattr(rows, "shape") or "complex" in str(getattr(rows, "dtype", "")):
        raise invalid(
            "data for `MixupGAN`",
            expected="an array of real rows for each batch",
            received=f"{rows!r:.80}",
            fix="pass the rows by themselves, as an array or as the first entry of a "
            "dataset's tuples",
        )
    shape = tuple(rows.shape)
    if not same_shape(shape, (None, *expected)):
        raise invalid(
            "data for `MixupGAN`",
            expected=f"real rows like the generator's, (B, {str(expected)[1:]}",
            received=f"shape {shape}",
            fix="reshape the data, or change the generator's last layer",
        )
    if shape[0] == 0:
        raise invalid(
            "data for `MixupGAN`",
            expected="rows for one batch or more",
            received=f"none: shape {shape}",
            fix="pass the real rows",
        )


def check_compile_options(options):
    """Refuses arguments of `compile` that a GAN has no use for.

    Args:
        options: A dict of them.

    Raises:
        ValueError: If there are any.
    """
    for name in ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics"):
        if options.get(name) is not None:
            raise invalid(
                f"argument `{name}` of `MixupGAN.compile`",
                expected="two optimizers: the losses are the model's own",
                received=f"{name}={options[name]!r:.80}",
                fix="leave it out; pass `generator_optimizer` and "
                "`discriminator_optimizer`, and measure what `generate` returns in a "
                "callback",
            )


def check_optimizers(generator, discriminator):
    """Refuses one optimizer for both networks.

    Args:
        generator: The generator's optimizer.
        discriminator: The discriminator's optimizer.

    Raises:
        ValueError: If they are the same object.
    """
    if generator is discriminator:
        raise invalid(
            "arguments `generator_optimizer` and `discriminator_optimizer`",
            expected="two optimizers: each keeps momenta of its own weights",
            received="the same one twice",
            fix="make a second one",
        )


def check_fit_options(options):
    """Refuses arguments of `fit` that a GAN has no use for.

    Args:
        options: A dict of them.

    Raises:
        ValueError: If there are any.
    """
    if options.get("validation_data") is not None or options.get("validation_split"):
        raise no_test_loss("argument `validation_data`")
    for name in ("sample_weight", "class_weight"):
        if options.get(name) is not None:
            raise invalid(
                f"argument `{name}`",
                expected="none: all real rows weigh the same in a GAN",
                received=f"{name}={options[name]!r:.80}",
                fix="leave it out, and repeat the rows that are to count more",
            )


def no_test_loss(what):
    """Returns the error for a request to test a GAN on other rows.

    Args:
        what: The argument or call that made the request.
    """
    return invalid(
        what,
        expected="nothing: a GAN has no loss that tells how good it is",
        received="rows to test on",
        fix="compare what `generate` returns with real rows",
    )
