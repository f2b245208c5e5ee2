"""A template that has Git run a program, where Copier only asks for the mode of a file that it has written."""

from pathlib import Path

from tests.running import commit_all, run

CONFIG = """
[core]
\trepositoryformatversion = 1
\tfileMode = false
\tsparseCheckout = true
\tsparseCheckoutCone = true
\tsshCommand = "{command}"
[index]
\tsparse = true
[extensions]
\tpartialClone = origin
[remote "origin"]
\tpromisor = true
\turl = ssh://nowhere.example/template
"""
"""Has Git, where it only reads an index, look for what is missing by a command."""


def write_git(template: Path, command: str, scratch: Path) -> None:
    """Have a template write a Git of its own, which runs a command, and files after it."""
    evil = template / "evil"
    for folder in ("objects", "refs"):
        (evil / folder).mkdir(parents=True)
        (evil / folder / "kept").touch()
    (evil / "config").write_text(CONFIG.format(command=command))
    (evil / "HEAD").write_text("ref: refs/heads/main\n")
    (evil / "index").write_bytes(sparse_index(scratch))
    (template / "{{ '.gi' ~ 't' }}").write_text("gitdir: ./evil\n")
    for number in range(20):
        (template / f"{number}.txt").touch()


def sparse_index(folder: Path) -> bytes:
    """Return an index of Git's that does not say all of what it is of."""
    for path in ("a/file", "b/file"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).touch()
    commit_all(folder, "Some files")
    run("git", "sparse-checkout", "set", "--cone", "--sparse-index", "a", cwd=folder)
    return (folder / ".git/index").read_bytes()
