"""How Sphinx builds the site: `make docs`."""

import inspect
import pathlib
import re
import tomllib

import keras_multimix

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = "keras_multimix"
author = "the authors of keras_multimix"
copyright = author
release = version = keras_multimix.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
# Contributing has its page as soon as the repository has its file.
HAS_CONTRIBUTING = (ROOT / "CONTRIBUTING.md").exists()
exclude_patterns = [] if HAS_CONTRIBUTING else ["contributing.md"]
html_theme = "furo"
html_title = f"keras_multimix {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # links such as results.md#gans, as GitHub makes them

# A name between single backticks in a docstring is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it
# Keras' own classes are named as bases; its documentation has no inventory.
nitpick_ignore_regex = [("py:.*", r"(keras|collections|abc|object|dict|ValueError).*")]

# Sections of docstrings that are ours.
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style")]

# Where the files are that are no pages of the site. Until the project has an address
# their names stand without a link.
ADDRESS = PROJECT.get("urls", {}).get("Repository", "").removesuffix(".git")


def link_to_file(text, path):
    """Returns the link to a file of the repository that is no page of the site."""
    return f"[{text}]({ADDRESS}/blob/main/{path})" if ADDRESS else text


# Files of the repository that pages include, and the pages.
PAGES = {
    "recipes/README.md": "/results.md",
    "recipes/plan.md": "/plan.md",
    "recipes/findings.md": "/claims.md",
    "CHANGELOG.md": "/changelog.md",
    "CONTRIBUTING.md": "/contributing.md",
    "README.md": "/index.md",
}


def rewrite_links(app, relative_path, parent, content):
    """Makes the links of a file that a page includes right for the site."""
    source = (ROOT / "docs" / relative_path).resolve()
    folder = source.parent.relative_to(ROOT)

    def rewritten(match):
        mark, text, target = match.groups()
        if re.match(r"(https?:|#|mailto:)", target):
            return match[0]
        path, _, anchor = target.partition("#")
        path = (ROOT / folder / path).resolve().relative_to(ROOT).as_posix()
        if mark:
            return f"![{text}](/../{path})"
        if path in PAGES:
            return f"[{text}]({PAGES[path]}{'#' + anchor if anchor else ''})"
        return link_to_file(text, path)

    content[0] = re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", rewritten, content[0])


def leave_out_missing(app, page, source):
    """Takes the page that is excluded out of the table of contents."""
    if page == "index" and not HAS_CONTRIBUTING:
        source[0] = source[0].replace("\ncontributing\n", "\n")


def read_markdown(app, what, name, obj, options, lines):
    """Reads fences of Markdown as blocks of code, and what is returned as prose."""
    inside = False
    for number, line in enumerate(lines):
        if line.strip().startswith("```"):
            inside = not inside
            lines[number] = ".. code-block:: python\n" if inside else ""
        elif inside:
            lines[number] = "    " + line
        elif number and lines[number - 1].strip() == "Returns:":
            # Napoleon takes what stands before a colon for a type: let it be nothing.
            indent = len(line) - len(line.lstrip())
            lines[number] = line[:indent] + ": " + line[indent:]
    lines[:] = "\n".join(lines).split("\n")


def show_arguments(app, what, name, obj, options, signature, returned):
    """Gives a class the signature of its `__init__`: Keras hides it in `__new__`."""
    if what != "class":
        return None
    arguments = inspect.signature(obj.__init__).parameters.values()
    own = list(arguments)[1:]
    own = [argument.replace(annotation=argument.empty) for argument in own]
    return str(inspect.Signature(own)), returned


def setup(app):
    """Connects what the pages need to Sphinx' events."""
    app.connect("source-read", leave_out_missing)
    app.connect("include-read", rewrite_links)
    app.connect("autodoc-process-signature", show_arguments)
    # Before napoleon, which listens with the usual priority, 500.
    app.connect("autodoc-process-docstring", read_markdown, priority=400)
