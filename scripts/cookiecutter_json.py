"""Write cookiecutter.json: Cookiecutter then asks what copier.yml has Copier ask."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent

# copier.yml writes these with a filter and names that Cookiecutter does not have.
DEFAULTS = {
    "repository_name": (
        "{% set words %}{% for letter in cookiecutter.project_name | lower %}"
        "{{ letter if letter in 'abcdefghijklmnopqrstuvwxyz0123456789' else ' ' }}"
        "{% endfor %}{% endset %}{{ words.split() | join('-') }}"
    ),
    "package_name": "{{ cookiecutter.repository_name | replace('-', '_') }}",
}
# One name below the output's folder, whatever was answered: a hook refuses a bad one, but only once there is a folder.
FOLDER = "{{ cookiecutter.repository_name | slugify or 'unnamed' }}"


def cookiecutter_json() -> str:
    """Return the text of cookiecutter.json."""
    questions: dict[str, dict[str, Any]] = {
        name: question
        for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
        if not name.startswith("_") and question.get("when") is not False
    }
    content: dict[str, Any] = {name: answer(name, question) for name, question in questions.items()}
    content["__folder"] = FOLDER
    content["__prompts__"] = {name: prompt(question) for name, question in questions.items()}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def answer(name: str, question: dict[str, Any]) -> str | list[str]:
    """Return the default, or the choices with the default first. Nothing is the default of a detail."""
    default = "" if "when" in question else question["default"]
    if choices := menu(question):
        return sorted(choices, key=lambda value: value != default)
    return DEFAULTS[name] if "{{" in default else str(default)


def prompt(question: dict[str, Any]) -> str | dict[str, str]:
    """Return what Cookiecutter asks, and how it calls the choices."""
    if choices := menu(question):
        return {"__prompt__": question["help"]} | choices
    sentences = [question["help"]]
    if question.get("multiselect"):
        sentences.append(f"Any of these, with commas between: {', '.join(labels(question))}.")
    if question["type"] == "bool":
        sentences.append("Yes or no?")
    if "when" in question:
        sentences.append("Enter leaves it to the preset.")
    return " ".join(sentences)


def menu(question: dict[str, Any]) -> dict[str, str]:
    """Return the choices and their labels, where one of several is asked for."""
    if "choices" not in question or question.get("multiselect"):
        return {}
    return ({"": "what the preset chooses"} if "when" in question else {}) | labels(question)


def labels(question: dict[str, Any]) -> dict[str, str]:
    """Return the choices and their labels."""
    choices = question["choices"]
    return {value: label for label, value in choices.items()} if isinstance(choices, dict) else {c: c for c in choices}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(cookiecutter_json())
