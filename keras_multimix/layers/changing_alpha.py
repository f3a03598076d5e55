"""The α of a layer, which a schedule may change while compiled steps run."""

import keras

from keras_multimix import coefficients
from keras_multimix.annotations import Ops
from keras_multimix.arguments import Fixed, check_alpha


class ChangingAlpha:
    """The part of a layer that holds α, and the quantiles of Beta(α, α)."""

    alpha = Fixed(
        "pass `MixupSchedule(alpha=lambda epoch: …)` to `fit`, or make a new layer"
    )

    def _set_alpha(self, alpha):
        """Takes the argument `alpha` of the layer, once."""
        self.alpha = check_alpha(alpha)
        self._quantiles_variable = None
        self._use_alpha(None)

    @property
    def _alpha_is_variable(self):
        """Whether compiled functions follow when `_use_alpha` sets another α."""
        return self._quantiles_variable is not None

    def _make_alpha_variable(self):
        """Makes α part of the state that functions read which are compiled from now."""
        self._quantiles_variable = self.add_weight(
            shape=(coefficients.NUM_QUANTILES,),
            dtype="float32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="quantiles",
        )
        self._use_alpha(None)

    def _use_alpha(self, alpha):
        """Draws with another α from now on; None goes back to the layer's own.

        The layer's `alpha`, and what is saved of it, stay what they are.

        Args:
            alpha: α, 0 or more.

        Raises:
            ValueError: If `alpha` is no such number.
        """
        alpha = self.alpha if alpha is None else check_alpha(alpha)
        self._alpha = alpha
        self._quantiles = coefficients.quantile_table(alpha)
        # Whether α is 0 and stays so: each row is its own partner.
        self._is_identity = self._quantiles is None and not self._alpha_is_variable
        if self._alpha_is_variable:
            self._quantiles_variable.assign(coefficients.quantiles(alpha))

    def _table(self, ops: Ops):
        # Only a graph of the running backend can read the variable.
        if self._alpha_is_variable and ops is keras.ops:
            return self._quantiles_variable.value
        return self._quantiles
