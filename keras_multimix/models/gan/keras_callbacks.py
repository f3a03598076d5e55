"""Which of Keras' callbacks a GAN trains with, and what they need for it.

A GAN has two optimizers and two losses, neither of which is called `loss`. From version
3.15 on, Keras' callbacks look for the optimizers of a model that has several.
"""

import types

import keras

from keras_multimix.arguments import invalid
from keras_multimix.models.gan.non_finite import StopAtNonFinite

_OF_RATES = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
_OF_MONITORS = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.ModelCheckpoint,
)


def prepared(callbacks, optimizer, losses):
    """Returns the callbacks to train with, the first of which stops at a bad loss.

    Args:
        callbacks: What the caller passed to `fit`.
        optimizer: The GAN's `GANOptimizer`.
        losses: The names of the GAN's losses.

    Raises:
        ValueError: If one of them could not do what it is for.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        check(callbacks.callbacks, optimizer, losses)
        return callbacks
    given = [] if callbacks is None else keras.tree.flatten(callbacks)
    check(given, optimizer, losses)
    # It comes first, so that it stops before another callback saves bad weights.
    return [StopAtNonFinite(every_batch=any(map(_acts_between_epochs, given))), *given]


def _acts_between_epochs(callback):
    # `TerminateOnNaN` looks at a loss called `loss`.
    looks_for_nan = isinstance(callback, keras.callbacks.TerminateOnNaN)
    return looks_for_nan or isinstance(getattr(callback, "save_freq", None), int)


def check(callbacks, optimizer, losses):
    """Refuses callbacks that would do nothing, or fail when the first epoch ends.

    Args:
        callbacks: A list of callbacks.
        optimizer: The GAN's `GANOptimizer`.
        losses: The names of the GAN's losses.
    """
    for callback in callbacks:
        if isinstance(callback, _OF_MONITORS):
            _check_monitor(callback, losses)
        if isinstance(callback, _OF_RATES):
            _check_rates(callback, optimizer)
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            _check_averages(callback, optimizer)


def _check_monitor(callback, losses):
    monitor, name = callback.monitor, type(callback).__name__
    unknown = {"loss", "val_loss", *(f"val_{loss}" for loss in losses)}
    fix = f'pass monitor="{losses[-1]}" and mode="min"'
    if monitor in unknown and getattr(callback, "save_best_only", True):
        raise invalid(
            f"argument `monitor` of `{name}`",
            expected=f"a loss of a GAN, {' or '.join(losses)}, or what another "
            "callback logs",
            received=f"monitor={monitor!r}",
            fix=fix,
        )
    if callback.mode == "auto" and monitor not in unknown and not callback.monitor_op:
        raise invalid(
            f"argument `mode` of `{name}`",
            expected="min or max: Keras cannot tell which is better from the name "
            f"{monitor!r}",
            received="mode='auto'",
            fix=fix if monitor in losses else 'pass mode="min" or mode="max"',
        )


def _check_rates(callback, optimizer):
    name = type(callback).__name__
    for each in optimizer.optimizers:
        if not isinstance(each.learning_rate, keras.Variable):
            raise invalid(
                f"callback `{name}`",
                expected="optimizers whose learning rates are numbers",
                received=f"a schedule as the learning rate of {each.name!r}",
                fix="leave out the callback, or pass the optimizer a number as its "
                "`learning_rate`",
            )
    if optimizer.rates_differ() and not callbacks_know_several_optimizers():
        raise invalid(
            f"callback `{name}`",
            expected="two optimizers with the same learning rate: this version of "
            "Keras sets only one",
            received="two learning rates",
            fix="install Keras 3.15 or newer, or pass optimizers whose "
            "`learning_rate` is a schedule",
        )


def _check_averages(callback, optimizer):
    averaging = any(getattr(each, "use_ema", False) for each in optimizer.optimizers)
    if not averaging:
        received, fix = "two optimizers without it", "pass use_ema=True to one or both"
    elif not callbacks_know_several_optimizers():
        received = f"Keras {keras.version()}, which looks at one optimizer only"
        fix = "install Keras 3.15 or newer, or leave out the callback: `fit` ends with "
        fix += "the averages in any case"
    else:
        return
    raise invalid(
        f"callback `{type(callback).__name__}`",
        expected="an optimizer with use_ema=True",
        received=received,
        fix=fix,
    )


def callbacks_know_several_optimizers():
    """Whether Keras' callbacks look for `optimizers`, as they do from 3.15 on."""
    optimizer = types.SimpleNamespace(optimizers=[], learning_rate=0.0)
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1.0)
    scheduler.set_model(types.SimpleNamespace(optimizer=optimizer))
    scheduler.on_epoch_begin(0)
    return optimizer.learning_rate == 0.0
