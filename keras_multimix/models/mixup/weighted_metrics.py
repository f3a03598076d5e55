"""Train metrics of mixed rows, weighted by λ and 1 − λ."""

import contextlib

from keras_multimix.models.mixup import pair_loss


@contextlib.contextmanager
def weighted(metrics, pairs, y, y_pred):
    """Makes the metrics of `compile` weight their rows inside the block.

    Keras passes weights to `weighted_metrics` only. So the block replaces each metric's
    `update_state` by one that always gets them.

    Args:
        metrics: The metrics of a model, which may hold other metrics.
        pairs: The `LabelPairs` of the N mixed rows.
        y: Own and partners' labels in turn, 2N rows.
        y_pred: The predictions, each of them twice.
    """
    compiled = []
    for group in metrics:
        if hasattr(group, "metrics"):  # Keras keeps the metrics of `compile` in a group
            if not group.built:
                group.build(y, y_pred)
            compiled += group.metrics
    for metric in compiled:
        metric.update_state = _with_weights(metric, pairs)
    try:
        yield
    finally:
        for metric in compiled:
            del metric.update_state


def _with_weights(metric, pairs):
    update_state = metric.update_state

    def update_weighted(y_true, y_pred, sample_weight=None):
        weights = pair_loss.metric_weights(pairs, y_pred, sample_weight)
        return update_state(y_true, y_pred, sample_weight=weights)

    return update_weighted
