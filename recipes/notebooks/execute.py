"""Runs notebooks from top to bottom and keeps what they show: `make notebooks`.

The backend of the outputs is the one that their first cells name, JAX. Data sets are
read from the folder `data` of this repository, and downloaded where they are not there.
"""

import argparse
import base64
import io
import os
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def execute(path, data_dir):
    """Runs a notebook in a folder of its own, and returns it with its outputs.

    Args:
        path: of the notebook.
        data_dir: what the folder `data` of the run leads to.
    """
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    # In a new folder no run can be taken for done because an earlier one was.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data").symlink_to(data_dir, target_is_directory=True)
        NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            # It would keep the time of every cell, and change with every run.
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    # The client adds the version of Python.
    notebook.metadata = metadata
    shrink(notebook)
    return notebook


def shrink(notebook):
    """Leaves the pictures 256 colours, with which they take a third of the bytes."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png")
            if picture is None:
                continue
            image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
            packed = io.BytesIO()
            image.quantize(256).save(packed, "PNG", optimize=True)
            output["data"]["image/png"] = base64.b64encode(packed.getvalue()).decode()


def complaints(notebook):
    """What the notebook wrote to standard error, such as warnings, a list."""
    return [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(
            f"Expected names of notebooks, {', '.join(NAMES)}. Received: "
            f"{', '.join(sorted(unknown))}. Choose from these."
        )
    # The kernel runs elsewhere and has to find the recipes; bars are no outputs.
    os.environ |= {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
    options.data_dir.mkdir(exist_ok=True)
    for name in options.names or NAMES:
        path = FOLDER / f"{name}.ipynb"
        start = time.perf_counter()
        notebook = execute(path, options.data_dir.resolve())
        if complaints(notebook):
            parser.exit(1, f"{name} warns:\n{''.join(complaints(notebook))[:2000]}\n")
        nbformat.write(notebook, path)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
