"""Answers to the questions, without what takes Copier its time and depends on no answer."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Render, renderer


@pytest.fixture(scope="session")
def plain_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template without its history, which Copier would clone for every repository."""
    copy = tmp_path_factory.mktemp("plain") / template.name
    shutil.copytree(template, copy, ignore=shutil.ignore_patterns(".git"))
    return copy


@pytest.fixture
def render(plain_template: Path, tmp_path: Path) -> Render:
    """Return a function that generates a repository from answers and returns its folder."""
    return renderer(plain_template, tmp_path)
