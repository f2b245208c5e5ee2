"""After Cookiecutter made the folder: Copier writes the repository into it."""

import json
import os
import sys

CONTEXT = json.loads(r"""{{ cookiecutter | tojson }}""")
STARTED_IN = (CONTEXT["_output_dir"], os.environ.get("PWD", "/"))  # see pre_gen_project.py
sys.path[:0] = [os.path.join(folder, CONTEXT["_repo_dir"], "hooks") for folder in STARTED_IN]  # noqa: PTH118

from generation import write  # noqa: E402

write(CONTEXT)
