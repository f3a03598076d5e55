"""What `import keras_multimix` gives, and what stands around the package."""

import pathlib
import re
import shutil

import pytest

import keras_multimix
from tests import releasable

ROOT = pathlib.Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
# Our own repository, its site, and Colab's view of it; the group is the owner.
ADDRESS = re.compile(
    r"github(?:\.com)?/([\w.-]+)/keras[_-]multimix|([\w-]+)\.github\.io/keras[_-]multimix"
)


def test_evaluation_needs_no_import_of_its_own():
    assert callable(keras_multimix.evaluation.fgsm)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'evalution'"):
        keras_multimix.evalution  # noqa: B018


@pytest.mark.parametrize("name", keras_multimix.__all__)
def test_public_names_are_there(name):
    assert getattr(keras_multimix, name).__module__.startswith("keras_multimix.")


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def parsed(path):
    """What a YAML file holds."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(read(path))


def owners(text):
    """Who owns the repositories of this name in a text, a set."""
    return {first or second for first, second in ADDRESS.findall(text)}


def texts_for_readers():
    """The files whose addresses people follow."""
    patterns = ("*.md", "*.cff", ".github/**/*", "docs/**/*", "recipes/**/*")
    endings = {".md", ".cff", ".yml", ".ipynb", ".py", ".rst"}
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if path.suffix in endings)


def test_the_owner_is_the_same_everywhere():
    (owner,) = owners("\n".join(releasable.urls().values()))
    texts = {path: owners(path.read_text("utf-8")) for path in texts_for_readers()}
    other = {path.name: found for path, found in texts.items() if found - {owner}}
    assert other == {}
    assert texts[ROOT / "CITATION.cff"] == {owner}
    assert owners("colab.google.com/github/me/keras_multimix/a me.github.io") == {"me"}


def test_the_citation_is_that_of_this_version():
    citation = parsed("CITATION.cff")
    assert str(citation["version"]) == keras_multimix.__version__
    assert citation["repository-code"] == releasable.urls()["Homepage"]
    assert citation["license"] == "Apache-2.0"


def test_what_has_to_be_done_before_a_release_is_said(tmp_path):
    copied = ("pyproject.toml", "CHANGELOG.md", "keras_multimix/__init__.py")
    (tmp_path / "keras_multimix").mkdir()
    for name in copied:
        shutil.copy(ROOT / name, tmp_path / name)
    version = releasable.version(tmp_path)
    assert version == keras_multimix.__version__
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changelog\n\n## [Unreleased]\n", "utf-8")
    project = tmp_path / "pyproject.toml"
    addresses = '[project.urls]\nHomepage = "https://github.com/{}/keras_multimix"\n'
    project.write_text(addresses.format(releasable.PLACEHOLDER), "utf-8")
    asked = ["the tag", "the owner's name", "## ["]
    found = releasable.problems("v9", tmp_path)
    assert [
        text.split("Expected ")[1][: len(part)]
        for text, part in zip(found, asked, strict=True)
    ] == asked
    changes.write_text(f"# Changelog\n\n## [{version}] - 2030-01-31\n", "utf-8")
    project.write_text(addresses.format("somebody"), "utf-8")
    assert releasable.problems(f"v{version}", tmp_path) == []


def targets():
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE)) | {
        f"test-{backend}" for backend in ("tensorflow", "jax", "torch")
    }


def made(text):
    """The targets that a text tells make to make."""
    text = text.replace("${{ matrix.backend }}", "jax")
    return set(re.findall(r"(?:^|run: |`)make ([a-z][a-z-]*)", text, re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_targets_of_the_makefile(path):
    workflow = parsed(path)
    assert workflow["jobs"]
    assert made(read(path)) <= targets()
    # Nobody's word for it: each job says what it may do.
    assert workflow["permissions"] == {"contents": "read"}


def test_the_workflow_makes_what_the_whole_check_makes():
    check = made(read(".ci/run"))
    assert check == {"test", "package", "docs"}
    assert "- run: make docs" in read(".github/workflows/docs.yml")
    jobs = parsed(".github/workflows/tests.yml")["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["backend"] == [
        "tensorflow",
        "jax",
        "torch",
    ]
    lines = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    assert {"make lint", "make package"} <= set(lines)
    assert "make test-${{ matrix.backend }} MARKERS='not slow'" in lines


def test_pythons_that_are_claimed_are_tested():
    claimed = re.findall(r"Python :: (3\.\d+)", read("pyproject.toml"))
    jobs = parsed(".github/workflows/tests.yml")["jobs"]
    for name in ("pythons", "windows"):
        assert jobs[name]["strategy"]["matrix"]["python"] == claimed


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_ask_each_question_once(path):
    form = parsed(path)
    assert {"name", "description", "body"} <= form.keys()
    questions = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert questions and len(set(questions)) == len(questions)


def test_contributing_names_what_is_there():
    text = read("CONTRIBUTING.md")
    assert made(text) <= targets()
    named = set(
        re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|txt|toml|cff|yml))`", text)
    )
    named |= set(re.findall(r"`((?:[\w.-]+/)+)`", text))
    named = {name for name in named if "NAME" not in name} - {"release.yml"}
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    for name in ("PairMixingLayer", "_mix_rows", "_mixture_of", "partners_in"):
        assert name in text
