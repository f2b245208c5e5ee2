"""Grafana can show the dashboards, and a reader can tell what they show."""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would have us use a schema that Grafana 11 does not know
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import units
    from grafana_foundation_sdk.models.dashboard import Dashboard

from .conftest import Rendered

NAMES = ["service", "model", "pipelines", "capacity"]
ODD = 'O\'Neil "Ω" & co: 100% #1'
BUILT_IN = {"__all", "__rate_interval", "__range"}
UNITS = {value for value in vars(units).values() if isinstance(value, str)}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
MOST_PANELS = 12


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest, rendered: Rendered) -> dict[str, Any]:
    """Return each dashboard in turn, of a project with an odd name."""
    project = rendered(preset="full", project_name=ODD, repository_name="odd", namespace="odd-space")
    found: dict[str, Any] = json.loads((project / f"deploy/monitoring/dashboards/{request.param}.json").read_text())
    return found


def test_schema_knows_every_field(dashboard: dict[str, Any]) -> None:
    register_default_plugins()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = Dashboard.from_json(dashboard)
    assert list(lost(dashboard, json.loads(JSONEncoder().encode(read)))) == []


def test_schema_would_miss_an_unknown_field() -> None:
    register_default_plugins()
    panel = {"id": 1, "type": "stat", "fieldConfig": {"defaults": {"unti": "s"}, "overrides": []}}
    read = Dashboard.from_json({"title": "x", "panels": [panel]})
    assert list(lost({"panels": [panel]}, json.loads(JSONEncoder().encode(read)))) == [
        '.panels[0].fieldConfig.defaults.unti: "s" is lost'
    ]


def test_project_is_in_title_id_and_tag(dashboard: dict[str, Any]) -> None:
    assert dashboard["title"].startswith(f"{ODD}: ")
    assert dashboard["uid"].startswith("odd-")
    assert dashboard["tags"] == ["odd"]
    assert dashboard["links"][0] | {"type": "dashboards", "tags": ["odd"]} == dashboard["links"][0]


def test_panels_are_few_and_have_ids_of_their_own(dashboard: dict[str, Any]) -> None:
    assert 0 < len(dashboard["panels"]) <= MOST_PANELS
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_panels_say_what_they_show_and_in_which_unit(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["datasource"] == SOURCE


def test_panels_fill_the_grid_without_overlap(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    height = max(y for _, y in cells) + 1
    assert sorted(cells) == [(x, y) for x in range(COLUMNS) for y in range(height)]


def test_each_variable_is_used_and_each_used_one_is_there(dashboard: dict[str, Any]) -> None:
    declared = [variable["name"] for variable in dashboard["templating"]["list"]]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"] + dashboard["templating"]["list"])))
    assert used - BUILT_IN == set(declared)
    assert len(set(declared)) == len(declared)


def test_dashboards_look_alike(rendered: Rendered) -> None:
    folder = rendered(preset="full") / "deploy/monitoring/dashboards"
    looks = {shared(folder / f"{name}.json") for name in NAMES}
    assert len(looks) == 1


@pytest.mark.parametrize("serving", ["kserve", "seldon", "none"])
def test_capacity_is_shown_where_there_is_a_cluster(serving: str, rendered: Rendered) -> None:
    folder = rendered(preset="full", serving=serving) / "deploy/monitoring/dashboards"
    wanted = NAMES if serving != "none" else NAMES[:-1]
    assert sorted(path.stem for path in folder.iterdir()) == sorted(wanted)


def shared(dashboard: Path) -> str:
    """Return what must be the same in all of them."""
    content = json.loads(dashboard.read_text())
    fields = ("tags", "links", "graphTooltip", "schemaVersion")
    return json.dumps([content[name] for name in fields] + [content["templating"]["list"][0]])


def lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Give what `before` has and `after` has not, or has otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{path}.{key}: {json.dumps(value)} is lost"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, pair in enumerate(zip(before, after, strict=True)):
            yield from lost(*pair, f"{path}[{place}]")
    elif before != after:
        yield f"{path}: {json.dumps(before)} became {json.dumps(after)}"
