"""Look after the repositories that this template generated."""

import json
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from platformdirs import user_cache_path
from rich.console import Console
from rich.text import Text

from .errors import FleetError, in_a_sentence
from .fleet import Survey, survey
from .forges import github_repositories, gitlab_repositories
from .git import expanded, is_local, shown
from .preview import changes, rendered, tree
from .reports import as_csv, as_html, as_json, table
from .repositories import Repository
from .template import NAME, open_template

CACHE = user_cache_path(NAME)
CORES = os.cpu_count() or 1

CacheOption = Annotated[Path, typer.Option(help="Where clones and renderings are kept.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command, and tell an error in a sentence."""
    try:
        app()
    except FleetError as error:
        stderr.print(Text(f"Error: {error}"))
        sys.exit(1)


@app.command()
def fleet(
    repositories: Annotated[list[str] | None, typer.Argument(metavar="PATH_OR_URL...", help="Repositories.")] = None,
    github: Annotated[str | None, typer.Option(metavar="ORG", help="All of an organisation on GitHub.")] = None,
    gitlab: Annotated[str | None, typer.Option(metavar="GROUP", help="All of a group on GitLab.")] = None,
    template: Annotated[
        str | None, typer.Option(metavar="PATH_OR_URL", help="Where the template is now, if not where they say.")
    ] = None,
    defaults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The organisation's answers, a Copier data file.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page, too.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many to compare at a time.")] = CORES,
    cache: CacheOption = CACHE,
) -> None:
    """Show how far generated repositories are behind, and what they changed.

    They are only read, as of their last commit. Tokens come from GITHUB_TOKEN and GITLAB_TOKEN.
    """
    if json_output and csv_output:
        raise typer.BadParameter("--json and --csv exclude each other.")
    found = [Repository(shown(address), address) for address in repositories or []]
    found += github_repositories(github) if github else []
    found += gitlab_repositories(gitlab) if gitlab else []
    if not found and not github and not gitlab:
        raise typer.BadParameter("Name repositories, or --github or --gitlab.")
    how = Survey(cache, _absolute(template) if template else None, _data(defaults) if defaults else {}, jobs)
    rows = survey(list({repository.address: repository for repository in found}.values()), how, stderr)
    if html:
        html.write_text(as_html(rows), encoding="utf-8")
    if json_output or csv_output:
        print(as_json(rows) if json_output else as_csv(rows))
    else:
        stdout.print(table(rows))
    raise typer.Exit(int(any(row.error for row in rows)))


@app.command()
def preview(
    template: Annotated[
        str | None, typer.Option(metavar="PATH_OR_URL", help="The template; by default, that of this installation.")
    ] = None,
    vcs_ref: Annotated[str | None, typer.Option(help="Its version; by default, the newest release.")] = None,
    data: Annotated[list[str] | None, typer.Option("--data", "-d", metavar="KEY=VALUE", help="An answer.")] = None,
    data_file: Annotated[Path | None, typer.Option(metavar="FILE", help="A YAML file with answers.")] = None,
    preset: Annotated[str | None, typer.Option(help="Short for --data preset=.")] = None,
    diff: Annotated[
        str | None, typer.Option(metavar="KEY=VALUE", help="Also show what this answer adds, removes and changes.")
    ] = None,
    cache: CacheOption = CACHE,
) -> None:
    """Show what a set of answers would generate, without generating it."""
    source = open_template(_absolute(template or _installed_from()), cache)
    version = vcs_ref or source.latest()
    answers = (_data(data_file) if data_file else {}) | dict(map(_answer, data or []))
    answers |= {"preset": preset} if preset else {}
    before = rendered(source, version, answers)
    stdout.print(tree(before))
    if diff:
        found = list(changes(before, rendered(source, version, answers | dict([_answer(diff)]))))
        stdout.print(Text(f"\n{diff} makes {len(found)} differences{':' if found else '.'}"))
        for change in found:
            stdout.print(Text(f"  {change.what:8} {change.path}  +{change.added} -{change.removed}"), soft_wrap=True)


def _absolute(address: str) -> str:
    return str(Path(address).expanduser().resolve()) if is_local(expanded(address)) else address


def _data(file: Path) -> dict[str, Any]:
    """Return the answers of a Copier data file."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FleetError(f"{file} cannot be read: {in_a_sentence(error)}") from None
    if not isinstance(content, dict):
        raise FleetError(f"{file} holds no answers: lines such as `ci: gitlab` were expected.")
    return {str(name): value for name, value in content.items()}


def _answer(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is no answer; KEY=VALUE was expected, such as ci=gitlab.")
    return name, value


def _installed_from() -> str:
    """Return the address that this package was installed from, which is the template's own."""
    try:
        # https://packaging.python.org/en/latest/specifications/direct-url/
        record = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        record = {}
    if not record or "archive_info" in record:  # which is a built package
        raise FleetError("This package does not know where the template is; name it with --template.")
    return str(record["url"]).removeprefix("file://")
