"""The trained nets of a recipe, as plain Keras files with a record beside each."""

import json

import keras
from tqdm import tqdm

from recipes.shared import processes
from recipes.shared.checkpoints import identity, name_of
from recipes.shared.curves import predict
from recipes.shared.measures import measure
from recipes.shared.results import without_nan, write_whole
from recipes.shared.whole_files import written_whole


def path_of(output, run, which):
    """The path of a saved net; `which` is "last" or "best"."""
    return output / "models" / f"{name_of(run)}-{which}.keras"


class ModelSaver(keras.callbacks.Callback):
    """Saves the net at the end, and the one that is best on validation rows.

    The best has the fewest errors on the validation rows, of the epochs after which
    the curve measures; of equal ones the lower likelihood loss there, then the earlier.
    Test rows are not used for it: without validation rows there is no best net.

    Args:
        network: the net that is trained, without any mixing around it.
        options: with `save_models`; without it, nothing is done.
        run: a `recipes.shared.runner.Run`.
        curve: a `recipes.shared.curves.TestCurve`, called before this.
        split: a `recipes.datasets.split.Split`, or None where there is none.
    """

    def __init__(self, network, options, run, curve, split=None):
        super().__init__()
        self.network = network
        self.options = options
        self.run = run
        self.curve = curve
        self.is_on = getattr(options, "save_models", None)
        self.split = split if split and split.validation_labels is not None else None
        self.best = None  # [error, NLL, epochs]

    def state(self):
        """What a run needs of it to continue, for JSON."""
        return self.best

    def set_state(self, state):
        """Takes over what `state` gave."""
        self.best = state

    def on_epoch_end(self, epoch, logs=None):
        """Saves the net if it is the best so far."""
        done = epoch + 1
        if not self.is_on or not self.split or not self.curve.measures_at(done):
            return
        logits = predict(self.network, self.split.validation_inputs)
        found = measure(logits, self.split.validation_labels)
        now = [found["test_error"], found["nll"], done]
        # NaN, of a run that has diverged, is below nothing.
        if self.best is None or now[:2] < self.best[:2]:
            self.best = now
            self._save("best", done, self.curve.points[-1])

    def save_last(self, metrics):
        """Saves the net as it is.

        Args:
            metrics: its measures, a dict of numbers.
        """
        if not self.is_on:
            return
        self._save("last", self.curve.epochs, metrics)
        if not self.split:
            tqdm.write(
                f"Saved {path_of(self.options.output, self.run, 'last')} alone: "
                "without validation rows, only the tests could say which net is best."
            )

    def _save(self, which, epochs, metrics):
        if not processes.is_first():
            return
        path = path_of(self.options.output, self.run, which)
        record = {
            **identity(self.options),
            **self.run._asdict(),
            "which": which,
            "epochs": epochs,
            "metrics": {k: v for k, v in metrics.items() if k != "share"},
        }
        if which == "best":
            record["validation_error"] = self.best[0]
        with written_whole(path) as temporary:
            self.network.save(temporary)
        text = json.dumps(without_nan(record), indent=1) + "\n"
        write_whole(path.with_suffix(".json"), text)
