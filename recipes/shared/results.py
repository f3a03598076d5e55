"""results.json: what was measured, run by run; read back so that nothing runs twice."""

import csv
import json
import math

from recipes.shared import processes
from recipes.shared.locks import locked
from recipes.shared.whole_files import check_writable, written_whole

_KEYS = ("recipe", "dataset", "method", "seed", "backend", "epochs", "metrics")
# Options that change where a run is written or what else is run, not the run itself.
_NOT_SETTINGS = {"output", "data_dir", "methods", "seeds", "dataset", "datasets"}
_NOT_SETTINGS |= {"backend", "tensorboard", "preset"}
_NOT_SETTINGS |= {"minutes", "on_device", "compilation_cache"}
_NOT_SETTINGS |= {"workers", "steps_per_execution"}
_NOT_SETTINGS |= {"recipe", "checkpoint_every", "save_models"}
_NOT_SETTINGS |= {"coordinator", "num_processes", "process_index"}
# Values of an option that is off.
_OFF = (None, 0, "none")


def settings_of(options):
    """What a run depends on beside its dataset, method, seed and backend, as JSON."""
    return {
        name: value if isinstance(value, int | float | str | None) else str(value)
        for name, value in sorted(vars(options).items())
        if name not in _NOT_SETTINGS
    }


class Results:
    """The records of one output folder, in results.json and as a table in results.csv.

    If processes train together, the first one reads and writes; the others hold what
    they have added.

    Args:
        folder: where the files are; made if it is not there.
        recipe: name of the recipe.
        backend: what Keras runs on.
        settings: what `settings_of` gave.

    Attributes:
        records: a list of dicts with `recipe`, `dataset`, `method`, `seed`, `backend`,
            `epochs`, `settings`, `metrics`, `curve` and whatever else was measured.

    Raises:
        ValueError: If results.json cannot be read, or holds runs of another recipe,
            backend or setting: a table of both would compare what differs. And if the
            folder cannot be written into.
    """

    def __init__(self, folder, recipe, backend, settings):
        self.path = folder / "results.json"
        self.same = {"recipe": recipe, "backend": backend, "settings": settings}
        if processes.is_first():
            check_writable(folder)
        self.records = self._read()

    def has(self, dataset, method, seed):
        """Whether a run is among the records."""
        key = (dataset, method, seed)
        return any((r["dataset"], r["method"], r["seed"]) == key for r in self.records)

    def add(self, dataset, method, seed, epochs, measured):
        """Adds a run and writes the files, with what another process has added.

        Args:
            dataset: its name.
            method: its name.
            seed: an integer.
            epochs: an integer.
            measured: a dict with `metrics` and more.
        """
        names = {"dataset": dataset, "method": method, "seed": seed, "epochs": epochs}
        self.records.append({**self.same, **names, **measured})
        # Between reading and writing no other process may add one.
        with locked(self.path.with_name("results.lock")):
            self.read_again()
            self._write()

    def read_again(self):
        """Adds the runs in the file that are not among the records yet."""
        for record in self._read():
            if not self.has(record["dataset"], record["method"], record["seed"]):
                self.records.append(record)

    def _read(self):
        if not processes.is_first() or not self.path.exists():
            return []
        try:
            records = with_nan(json.loads(self.path.read_text(encoding="utf-8")))
        except (ValueError, OSError) as error:
            raise self._unreadable(error) from error
        is_list = isinstance(records, list)
        if not is_list or not all(set(_KEYS) <= set(record) for record in records):
            raise self._unreadable("other JSON")
        for record in records:
            check_same(record, self.same, self.path)
        return records

    def _unreadable(self, error):
        return ValueError(
            f"Expected a list of records in {self.path}, as the recipes write it. "
            f"Received: {error}. The file was left as it is: move it away, or choose "
            "another --output."
        )

    def _write(self):
        if not processes.is_first():
            return
        rows = [
            {**{key: r[key] for key in _KEYS if key != "metrics"}, **r["metrics"]}
            for r in self.records
        ]
        write_table(self.path.with_suffix(".csv"), rows)
        # Last, because a run counts from here on. A process that is killed between the
        # two writes leaves a run in the table that will be made again, but no finished
        # run is missing from the table.
        write_whole(self.path, json.dumps(without_nan(self.records), indent=1) + "\n")


def check_same(record, same, path):
    """Refuses a record of another recipe, backend or setting.

    Args:
        record: a dict.
        same: a dict of what must be equal in it; values may be dicts of options.
        path: the file that the record comes from.

    Raises:
        ValueError: With the names of what differs.
    """
    for key, ours in same.items():
        theirs = record.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            # An option that is off is as good as one that was not there yet.
            names = [
                k for k in {*ours, *theirs} if _set(ours.get(k)) != _set(theirs.get(k))
            ]
            ours = _listed(ours, names)
            theirs = _listed(theirs, names)
        if theirs != ours:
            raise ValueError(
                f"Expected only runs of {key} {ours} in {path}. Received: "
                f"runs of {theirs}. Choose another --output, or the same options "
                "as before."
            )


def _number(text, name, path):
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(
            f"Expected in {path} runs of methods, with nothing but numbers measured. "
            f"Received: {name}={text}. Pass the results of another recipe; this one "
            "prints its own tables."
        ) from error


def read_measured(path):
    """Returns the records in a results.json, or what a results.csv holds of them.

    Args:
        path: a `Path`.

    Raises:
        ValueError: For a table that holds more than runs of methods.
    """
    if path.suffix != ".csv":
        return with_nan(json.loads(path.read_text(encoding="utf-8")))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [key for key in _KEYS if key != "metrics"]
    return [
        {
            **{name: row[name] for name in names},
            "seed": int(row["seed"]),
            "metrics": {
                k: _number(row[k], k, path) for k in row if k not in names and row[k]
            },
        }
        for row in rows
    ]


def _set(value):
    return None if value in _OFF else value


def _listed(settings, names):
    return ", ".join(f"{name}={settings.get(name)}" for name in sorted(names))


def write_whole(path, text):
    """Writes a text file, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path, rows):
    """Writes a list of dicts as CSV, a line for each, whole or not at all."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def without_nan(value):
    """JSON has no NaN: null stands for it."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def with_nan(value):
    """The opposite for measured numbers; settings may well be None."""
    if isinstance(value, dict):
        return {k: v if k == "settings" else with_nan(v) for k, v in value.items()}
    if isinstance(value, list):
        return [with_nan(v) for v in value]
    return math.nan if value is None else value
