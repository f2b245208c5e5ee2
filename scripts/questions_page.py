"""Writes the page of the questions from copier.yml; MkDocs calls it as a hook."""

import re
from pathlib import Path
from typing import Any

import yaml
from jinja2.meta import find_undeclared_variables
from jinja2.nativetypes import NativeEnvironment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

Questions = dict[str, dict[str, Any]]

INTRODUCTION = """\
# Questions

Copier asks these in this order, and Enter accepts a default. `--data name=value` answers one beforehand, with any
preset. `make update UPDATE_OPTIONS="--data name=value"` gives another answer later: nothing chosen now is for ever.

A bad answer is refused with the value and the rule. This page is made from `copier.yml`, which has the rules too.
"""
HEADING = re.compile(r"^# QUESTIONS +(.+)$|^([a-z][a-z_]*):", re.MULTILINE)
"""A banner above some questions, or the name of one."""
JINJA = NativeEnvironment(extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"])  # the filters of Copier
GIVEN_BEFOREHAND = re.compile(r" or \w+ is (defined|string) }}$")
"""How a condition ends that lets Copier record an answer which it need not ask for."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to those of docs/."""
    source = Path(config.config_file_path).with_name("copier.yml")
    files.append(File.generated(config, "questions.md", content=page(source.read_text())))
    return files


def page(source: str) -> str:
    """Return the page in Markdown."""
    visible = {name: asked for name, asked in yaml.safe_load(source).items() if is_visible(name, asked)}
    presets = {preset: defaults(visible, preset) for preset in visible["preset"]["choices"].values()}
    parts = [INTRODUCTION]
    for banner, name in HEADING.findall(source):
        if banner:
            parts.append(f"## {banner.capitalize()}\n")
        elif name in visible:
            by_preset = {preset: answers[name] for preset, answers in presets.items()}
            parts.append(section(name, visible[name], by_preset))
    return "\n".join(parts)


def is_visible(name: str, asked: Any) -> bool:
    """Tell a question from a setting of Copier's and from a computed value."""
    return not name.startswith("_") and asked.get("when") is not False


def defaults(visible: Questions, preset: str) -> dict[str, Any]:
    """Return the answers that a preset gives by itself."""
    answers: dict[str, Any] = {}
    for name, asked in visible.items():
        default = preset if name == "preset" else asked["default"]
        answers[name] = JINJA.from_string(default).render(answers) if is_template(default) else default
    return answers


def section(name: str, asked: dict[str, Any], by_preset: dict[str, Any]) -> str:
    """Return what there is to say about a question."""
    said = f"{kind(asked)}\n{default(asked, by_preset)} {asking(asked)}".rstrip()
    return f"### {name} {{ #{name} }}\n\n{asked['help']}\n\n{said}\n"


def kind(asked: dict[str, Any]) -> str:
    """Return what may be answered: a table, or a sentence."""
    choices = asked.get("choices")
    if isinstance(choices, dict):
        answer = "Any of these" if asked.get("multiselect") else "Answer"
        return "\n".join([f"| {answer} | |", "| --- | --- |", *(row(*choice) for choice in choices.items()), ""])
    if choices:
        return f"One of {', '.join(map(shown, choices))}."
    return "Yes or no." if asked["type"] == "bool" else "A text."


def row(label: str, value: str) -> str:
    """Return a row for a choice, whose label may hold a name and, after blanks, what it means."""
    words = [word for word in re.split(r" {2,}", label) if word != value]
    return f"| `{value}` | {': '.join(words)} |"


def default(asked: dict[str, Any], by_preset: dict[str, Any]) -> str:
    """Return the default, where a preset has another that too, and what it is made from."""
    written = asked["default"]
    if not is_template(written):
        return f"Default: {shown(written)}."
    usual = by_preset["custom"]
    others = [f"with `{preset}` it is {shown(value)}" for preset, value in by_preset.items() if value != usual]
    sources = [f"made from `{name}`" for name in find_undeclared_variables(JINJA.parse(written)) if name != "preset"]
    return f"Default: {'; '.join([shown(usual), *others, *sources])}."


def asking(asked: dict[str, Any]) -> str:
    """Return when Copier asks the question, if it does not always."""
    if "when" not in asked:
        return ""
    condition = GIVEN_BEFOREHAND.sub("", asked["when"]).removeprefix("{{ ")
    return f"Asked if `{condition.removeprefix('(').removesuffix(')')}`."


def is_template(default: Any) -> bool:
    """Tell a default that is computed from one that is as it stands."""
    return isinstance(default, str) and "{{" in default


def shown(value: Any) -> str:
    """Return a value as `--data` takes it."""
    if value in ("", []):
        return "none given"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
