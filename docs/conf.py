"""Settings of the documentation site; `make docs` builds it into build/site."""

from __future__ import annotations

import sys
from pathlib import Path

import meanfield

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "meanfield"
author = "meanfield developers"
copyright = "meanfield developers"
release = version = meanfield.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "command_line",
    "formulas_in_docstrings",
    "mathml",
    "homes",
]
exclude_patterns = ["gallery/*", "_templates/*"]
templates_path = ["_templates"]
nitpicky = True
default_role = "autolink"
smartquotes = False  # of --resume they would make –resume

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
autodoc_default_options = {"exclude-members": "state_type"}
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["examples"],
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "remove_config_comments": True,
    "doc_module": ("meanfield",),
    "backreferences_dir": None,
    "copyfile_regex": r"",
    "thumbnail_size": (400, 280),
    "notebook_images": False,
}

html_theme = "furo"
html_title = "meanfield"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#123e74",
        "color-brand-content": "#2166a8",
        "color-brand-visited": "#2166a8",
    },
    "dark_css_variables": {
        "color-brand-primary": "#94b8d9",
        "color-brand-content": "#94b8d9",
        "color-brand-visited": "#94b8d9",
    },
}
