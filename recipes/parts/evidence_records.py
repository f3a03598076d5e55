"""Where the records of tables are kept: whole ones to read, others to continue from.

MEASURED/NAME.csv                whole tables
MEASURED/unfinished/NAME.json    what OUTPUT/NAME/results.json holds of others
MEASURED/choices.json            what validation rows have decided
"""

import json
import shutil

from recipes.shared.results import write_whole

_CHOICES, _RECORDS = "choices.json", "results.json"


def take_over(measured, output, names):
    """Copies the records of tables to where their recipes continue from them.

    Args:
        measured: folder of records, or None.
        output: folder of the tables' own folders; what it holds stays.
        names: of the tables.
    """
    if measured is None:
        return
    pairs = {measured / _CHOICES: output / _CHOICES}
    for name in names:
        pairs[_unfinished(measured, name)] = output / name / _RECORDS
    for source, target in pairs.items():
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def keep(measured, output, name, whole):
    """Copies a table's records to `measured`.

    Args:
        measured: folder of records, or None.
        output: folder of the tables' own folders.
        name: of the table.
        whole: whether all of its runs are done.
    """
    records = output / name / _RECORDS
    if measured is None or not records.exists():
        return
    unfinished = _unfinished(measured, name)
    if whole:
        measured.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(records.with_suffix(".csv"), measured / f"{name}.csv")
        unfinished.unlink(missing_ok=True)
    else:
        # One line for a whole table: people do not read these files, and a diff then
        # shows only which table has changed.
        text = json.dumps(json.loads(records.read_text("utf-8")))
        write_whole(unfinished, text + "\n")


def made_before(folder):
    """The choices that a folder holds: name -> value."""
    path = folder / _CHOICES
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def write_choices(made, *folders):
    """Writes choices, a dict of name -> value, into folders; None is left out."""
    for folder in filter(None, folders):
        write_whole(folder / _CHOICES, json.dumps(made, indent=1) + "\n")


def _unfinished(measured, name):
    return measured / "unfinished" / f"{name}.json"
