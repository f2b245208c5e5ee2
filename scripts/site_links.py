"""Leads links of docs/ to other files of the repository to where people browse it; MkDocs calls it as a hook."""

import re
from functools import partial
from os.path import normpath
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

UPWARDS = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page whose links lead into the site, or to the repository."""
    return UPWARDS.sub(partial(outwards, page=page, config=config), markdown)


def outwards(link: re.Match[str], page: Page, config: MkDocsConfig) -> str:
    """Return a link to a file outside docs/ as one to the repository; if nobody said where that is, its text alone."""
    docs, words = Path(config.docs_dir), link[1]
    target = Path(normpath(docs / Path(page.file.src_uri).parent / link[2]))
    if target.is_relative_to(docs) or not target.exists():
        return link[0]  # to be checked by MkDocs
    path = target.relative_to(docs.parent).as_posix()
    return f"[{words}]({config.repo_url}/blob/main/{path})" if config.repo_url else words
