"""Says whether this tree can be published under a tag: `make release-check` runs it.

python tests/releasable.py v0.1.0
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).parent.parent
PLACEHOLDER = "OWNER"


def urls(root=ROOT):
    """The addresses in pyproject.toml, a dict."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["urls"]


def version(root=ROOT):
    """The version of the package, read without importing it."""
    text = (root / "keras_multimix/__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE).group(1)


def problems(tag, root=ROOT):
    """What has to be done before this tree is published under a tag, a list."""
    found = []
    if tag != f"v{version(root)}":
        found.append(
            f"Expected the tag v{version(root)}, the version of the package. Received: "
            f"{tag or 'none'}. Change one of them."
        )
    if any(PLACEHOLDER in url for url in urls(root).values()):
        found.append(
            f"Expected the owner's name in pyproject.toml. Received: {PLACEHOLDER}. "
            "CONTRIBUTING.md says how to set it."
        )
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(
        rf"^## \[{re.escape(version(root))}\] - \d", changes, re.MULTILINE
    ):
        found.append(
            f"Expected ## [{version(root)}] - DATE in CHANGELOG.md. Received: "
            "no such heading. Write it above what this version brings."
        )
    return found


if __name__ == "__main__":
    left = problems(sys.argv[1] if len(sys.argv) > 1 else "")
    print("\n".join(left) or f"{sys.argv[1]} can be published.")
    sys.exit(bool(left))
