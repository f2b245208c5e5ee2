"""Which repositories to render: all presets, each single change of the least and of the most, every pair of options."""

from collections import OrderedDict
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from allpairspy import AllPairs
from jinja2.nativetypes import NativeEnvironment

Answers = dict[str, Any]

QUESTIONS: dict[str, dict[str, Any]] = {
    name: question
    for name, question in yaml.safe_load((Path(__file__).parents[2] / "copier.yml").read_text()).items()
    if not name.startswith("_") and question.get("when") is not False
}

# Choices come from copier.yml. Free text has none, so here is what it may do to the files: the shortest, the longest,
# and what has to be quoted.
TEXTS: dict[str, list[str]] = {
    "project_name": ["Wine Cultivars", 'O\'Neil "Ω" & co: 100% #1'],
    "repository_name": ["wine-cultivars", "a", "abcdefghij-klmnopqrst-uvwxyz12"],
    "description": [
        "Recognises a wine's cultivar from its chemistry",
        "x" * 200,
        'Zoë\'s "best" model: 100% #1, a & b',
    ],
    "author_name": ["ML Team", 'O\'Neil "Ω"'],
    "namespace": ["wine-cultivars", "0", "abcdefghij-klmnopqrst-uvwxyz12"],
    "repository_url": ["", "https://git.example.com:8443/data-science/wine.cultivars"],
    "image_registry": ["", "localhost:5001", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/data-science"],
}

ADDRESS = {"repository_url": TEXTS["repository_url"][-1]}
NEEDED: dict[tuple[str, Any], Answers] = {("gitops", "argocd"): ADDRESS, ("gitops", "flux"): ADDRESS}
"""What a value asks of the answers to other questions."""


NEUTRAL: Answers = {
    "extras": (),
    "cloud": "none",
    "telemetry": False,
    "namespace": "wine-cultivars",
    "gitops": "none",
    "python_version": "3.12",
}
"""Of each question whose answer may have no effect, and then is refused, the value that asks for none."""


def choices(name: str) -> list[Any]:
    """Return the values that a question may have, or none when it takes any text."""
    question = QUESTIONS[name]
    if question["type"] == "bool":
        return [False, True]
    given = question.get("choices", TEXTS.get(name, []))
    values = list(given.values() if isinstance(given, dict) else given)
    return [(), tuple(values[::2]), tuple(values[1::2])] if question.get("multiselect") else values


def parts(value: Any) -> tuple[Any, ...]:
    """Return what a value is made of: itself, or what was chosen together."""
    return value if isinstance(value, tuple) else (value,)


PRESETS: list[str] = choices("preset")
OPTIONS: dict[str, list[Any]] = {name: choices(name) for name in QUESTIONS if name != "preset" and choices(name)}


@cache
def defaults(preset: str) -> Answers:
    """Return the answers to all options that a preset gives by itself."""
    return outcome({"preset": preset})


def outcome(given: Answers) -> Answers:
    """Return the answers to all options where some are given, and the preset."""
    answers = {"preset": given["preset"]}
    for name in OPTIONS:
        default = QUESTIONS[name]["default"]
        if name in given:
            default = given[name]
        elif name in TEXTS:  # `repository_name` follows `project_name` by a filter of Copier's own
            default = TEXTS[name][0]
        elif isinstance(default, str) and "{{" in default:
            default = NativeEnvironment().from_string(default).render(answers)
        answers[name] = tuple(default) if QUESTIONS[name].get("multiselect") else default
    return answers


def possible(answers: Answers) -> bool:
    """Tell whether the questions take these answers together, as far as they are known."""

    def may(name: str, *values: Any) -> bool:
        return name not in answers or answers[name] in values

    def may_not(name: str, value: Any) -> bool:
        return name not in answers or answers[name] != value

    cluster = may_not("serving", "none") or may_not("platform", "none")
    image = may_not("preset", "minimal") or cluster or may_not("image_registry", "")
    namespaces = may_not("serving", "none") or may("platform", "kubeflow", "existing") or may("monitoring", True)
    needs = {
        "extras": may("platform", "standalone"),
        "cloud": cluster,
        "telemetry": may_not("serving", "none"),
        "namespace": namespaces or "notebooks" in answers.get("extras", ("notebooks",)) or "katib" in answers["extras"],
        "gitops": may_not("repository_url", "") and (cluster or may("monitoring", True)),
        "python_version": image or may_not("ci", "none"),
    }
    in_git = may("library", "vendored") or may("gitops", "none") or may("platform", "existing", "none")
    return in_git and all(met or may(name, NEUTRAL[name]) for name, met in needs.items())


def presets() -> list[Answers]:
    """Return each preset as it is."""
    return [{"preset": preset} for preset in PRESETS]


def single_changes() -> list[Answers]:
    """Return the preset with the least and that with the most, each with one option changed."""
    return [
        change
        for preset in ("minimal", "full")
        for name, values in OPTIONS.items()
        for value in values
        if value != defaults(preset)[name]
        if possible(outcome(change := {"preset": preset, name: value} | NEEDED.get((name, value), {})))
    ]


def pairwise() -> list[Answers]:
    """Return few sets of answers in which every two values of two options meet."""
    options = OrderedDict([("preset", PRESETS), *OPTIONS.items()])
    rows = AllPairs(list(options.values()), filter_func=lambda row: possible(dict(zip(options, row, strict=False))))
    found = [dict(zip(options, values, strict=True)) for values in rows]
    # AllPairs ends at the first row that it cannot do better with, which may be too early where it has a filter.
    return found + [next(row | pair for row in found if possible(row | pair)) for pair in missing(found)]


def missing(rows: list[Answers]) -> list[Answers]:
    """Return the pairs of values that could meet and do not."""
    values = {"preset": PRESETS} | OPTIONS
    met = {(one, row[one], two, row[two]) for row in rows for one, two in combinations(values, 2)}
    wanted = [(one, x, two, y) for one, two in combinations(values, 2) for x in values[one] for y in values[two]]
    return [{one: x, two: y} for one, x, two, y in wanted if possible({one: x, two: y}) and (one, x, two, y) not in met]


def identity(answers: Answers) -> str:
    """Return a readable name, such as `minimal-ci=github`."""
    changes = [name_of(name, value) for name, value in answers.items() if name != "preset"]
    return "-".join([answers["preset"], *changes])


def name_of(name: str, value: Any) -> str:
    """Return `option=value`, where a text stands as its place in TEXTS."""
    return f"{name}={TEXTS[name].index(value)}" if name in TEXTS else f"{name}={shown(value)}"


def shown(value: Any) -> str:
    """Return a value as a part of a name."""
    return "+".join(str(part).lower() for part in parts(value))


def short_identity(number: int, answers: Answers) -> str:
    """Return a name for answers to all options: `pair3`, and the options that decide on files."""
    telling = [shown(answers[name]) for name in OPTIONS if "when" in QUESTIONS[name] and name not in TEXTS]
    return "-".join([f"pair{number}", answers["preset"], *telling])


def covered() -> dict[str, Answers]:
    """Return all sets of answers by name; of those that say the same, the first."""
    named = {identity(answers): answers for answers in presets() + single_changes()}
    named |= {short_identity(number, answers): answers for number, answers in enumerate(pairwise(), 1)}
    distinct: dict[str, str] = {}
    for name, answers in named.items():
        chosen = outcome(answers)
        if name not in PRESETS:
            del chosen["preset"]  # it only gives the defaults of the others
        distinct.setdefault(repr(sorted(chosen.items())), name)
    return {name: named[name] for name in distinct.values()}


COMBINATIONS = covered()
