"""Before Cookiecutter writes anything: the folder has to be empty, and the template found again."""

import json
import os
import sys

CONTEXT = json.loads(r"""{{ cookiecutter | tojson }}""")
# The template's folder may be relative to where Cookiecutter was started, which is not told here.
STARTED_IN = (CONTEXT["_output_dir"], os.environ.get("PWD", "/"))
sys.path[:0] = [os.path.join(folder, CONTEXT["_repo_dir"], "hooks") for folder in STARTED_IN]  # noqa: PTH118

try:
    from generation import check_folder
except ModuleNotFoundError:
    sys.exit(f"Error: {CONTEXT['_repo_dir']} is in none of {STARTED_IN}; name the template by its absolute path.")

check_folder()
