"""A bad answer is refused with a message that names it and the rule, and nothing is written; a good one is taken."""

import tomllib
from pathlib import Path

import pytest

from tests.conftest import Render

BAD_NAMES = [
    ("Wine", "'Wine' is no DNS-1123 label; use lower-case letters"),
    ("wine_cultivars", "'wine_cultivars' is no DNS-1123 label"),
    ("wine cultivars", "'wine cultivars' is no DNS-1123 label"),
    ("wine.cultivars", "'wine.cultivars' is no DNS-1123 label"),
    ("3wines", "'3wines' is no DNS-1123 label; .* beginning with a letter"),
    ("-wine", "'-wine' is no DNS-1123 label"),
    ("wine-", "'wine-' is no DNS-1123 label"),
    ("vin-rosé", "'vin-rosé' is no DNS-1123 label"),
    ("wine\n", "'wine\n' is no DNS-1123 label"),
    ("wine\nx", "'wine\nx' is no DNS-1123 label"),
    ("../wine", r"'\.\./wine' is no DNS-1123 label"),
    ("", "'' is no DNS-1123 label"),
    ("wine--cultivars", "'wine--cultivars' has two hyphens in a row; use one"),
    ("w" * 31, "'w{31}' has 31 characters; at most 30 leave Kubernetes room"),
    ("null", "'null' is no text in YAML; choose another name"),
    ("class", "'class' is a Python keyword"),
    ("match", "'match' is a Python keyword"),
    ("json", "'json' is .* a standard-library module"),
    ("mlflow", "'mlflow' is .* a package that the project imports"),
    ("kfp", "'kfp' is .* a package that the project imports"),
    ("sklearn", "'sklearn' is .* a package that the project imports"),
    ("prometheus-client", "'prometheus_client' is .* a package that the project imports"),
    ("tests", "'tests' is .* choose a name that hides nothing"),
]
BAD_PACKAGES = [
    ("Wine", "'Wine' is no package name; use lower-case letters"),
    ("wine-cultivars", "'wine-cultivars' is no package name"),
    ("wine cultivars", "'wine cultivars' is no package name"),
    ("wine.cultivars", "'wine.cultivars' is no package name"),
    ("3wines", "'3wines' is no package name; .* beginning with a letter"),
    ("_wine", "'_wine' is no package name"),
    ("wine_", "'wine_' is no package name"),
    ("rosé", "'rosé' is no package name"),
    ("wine\n", "'wine\n' is no package name"),
    ("", "'' is no package name"),
    ("w" * 31, "'w{31}' has 31 characters; at most 30 keep paths and lines short"),
    ("class", "'class' is a Python keyword"),
    ("json", "'json' is .* a standard-library module"),
    ("mlflow", "'mlflow' is .* a package that the project imports"),
    ("kfp", "'kfp' is .* a package that the project imports"),
]
BAD_TEXTS = [
    ("", "The text is empty; write 1 to"),
    ("   ", "The text is empty; write 1 to"),
    (" wine", "' wine' begins or ends with a blank; remove it"),
    ("wine\n", "'wine\n' begins or ends with a blank"),
    ("wine\nred", r'"wine\\nred" has a line break'),
    ("wine\rred", r'"wine\\rred" has a line break'),
    ("wine\tred", r'"wine\\tred" has .* a control character'),
    ("wine\x1b[31m", r'"wine\\u001b\[31m" has .* a control character'),
    ("wine\u2028red", r'"wine\\u2028red" has a line break'),
    ("wine\x9b31m", r'"wine\\u009b31m" has .* a control character'),
    ("wine\u202eder", r'"wine\\u202eder" has .* one that nobody sees'),  # the rest is shown from right to left
    ("wine\u2066red", r'"wine\\u2066red" has .* one that nobody sees'),
    ("wine\u200bred", r'"wine\\u200bred" has .* one that nobody sees'),
    ("wine\ufeffred", r'"wine\\ufeffred" has .* one that nobody sees'),
    ("wine\U000e0041red", r'"wine\\udb40\\udc41red" has .* one that nobody sees'),
    ("wine\ufffered", r'"wine\\ufffered" has .* one that nobody sees'),
    ("wine\ud800red", r'"wine\\ud800red" has .* one that nobody sees'),
    ("wine\u00a0red", r'"wine\\u00a0red" has .* plain blanks only'),
    ("{{ wine }}", r'"{{ wine }}" has one of'),
    ("wine}", '"wine}" has one of'),
    (r"wine\red", r'"wine\\\\red" has one of'),
    ("`wine`", '"`wine`" has one of'),
    ("<wine>", '"<wine>" has one of'),
    ('O\'Neil "Ω" {{x}} \\', r"\"O'Neil .* \{\{x\}\} .*\" has one of"),
]
LONGEST = {"project_name": 60, "description": 200, "author_name": 100}
GOOD_TEXTS = [
    "W",
    'O\'Neil "Ω"',
    "Zoë",
    'The "best" wine',
    "Red & white",
    "100% wine",
    "# wine",
    "wine: red",
    "酒",
    "-wine",
]
BAD_EMAILS = [
    "ml-team",
    "ml-team@",
    "@example.com",
    "ml-team@example",
    "ml team@example.com",
    "ML <ml@example.com>",
    "a@b@example.com",
    "ml@example.com\n",
    "ml@example..com",
    "",
]
GOOD_EMAILS = ["ml-team@example.com", "a@b.co", "first.last+ml@sub.example.museum", "42@example.com"]
BAD_REGISTRIES = [
    ("https://ghcr.io/acme", "'https://ghcr.io/acme' has a scheme; write the host and path only"),
    ("oci://ghcr.io", "'oci://ghcr.io' has a scheme"),
    ("ghcr.io/acme/", "'ghcr.io/acme/' is no image registry"),
    ("ghcr.io/Acme", "'ghcr.io/Acme' is no image registry; write a lower-case host"),
    ("ghcr.io acme", "'ghcr.io acme' is no image registry"),
    ("localhost:port", "'localhost:port' is no image registry"),
    ("ghcr.io/acme:1.0", "'ghcr.io/acme:1.0' is no image registry"),
    ("ghcr.io//acme", "'ghcr.io//acme' is no image registry"),
    ("ghcr.io/acme\n", "'ghcr.io/acme\n' is no image registry"),
    ("a" * 81, "'a{81}' has 81 characters; an image registry has at most 80 here"),
]
GOOD_REGISTRIES = [
    "",
    "ghcr.io/acme",
    "localhost:5001",
    "registry.example.com:5000/team/ml",
    "europe-west4-docker.pkg.dev/acme-1/ml_images",
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
]
BAD_NAMESPACES = [
    ("Wine", "'Wine' is no DNS-1123 label; use lower-case letters, digits and hyphens"),
    ("wine_cultivars", "'wine_cultivars' is no DNS-1123 label"),
    ("wine.cultivars", "'wine.cultivars' is no DNS-1123 label"),
    ("-wine", "'-wine' is no DNS-1123 label"),
    ("wine-", "'wine-' is no DNS-1123 label"),
    ("wine\n", "'wine\n' is no DNS-1123 label"),
    ("", "'' is no DNS-1123 label"),
    ("w" * 31, "'w{31}' has 31 characters; at most 30 leave room for an environment"),
]
BAD_ADDRESSES = [
    ("", "The address is empty; Flux follows the repository: write one such as"),
    ("git@github.com:acme/wine.git", "'git@github.com:acme/wine.git' is no repository's web address"),
    ("https://github.com", "'https://github.com' is no repository's web address"),
    (
        "https://github.com/acme/wine/",
        "'https://github.com/acme/wine/' is no .* without a slash at its end",
    ),
]
FLUX = {"gitops": "flux", "repository_url": "https://github.com/acme/wine-cultivars"}
BAD_CHOICES = [
    ("serving", "bentoml"),
    ("platform", "openshift"),
    ("license", "GPL-3.0"),
    ("license", "mit"),
    ("framework", "pytorch"),
    ("ci", "jenkins"),
    ("gitops", "true"),
    ("preset", "huge"),
    ("python_version", "3.10"),
]


def numbered(values: list[tuple[str, str]]) -> list[object]:
    """Return the cases with short ids."""
    return [pytest.param(*value, id=f"{number:02}-{ascii(value[0])[1:21]}") for number, value in enumerate(values)]


def refuses(render: Render, tmp_path: Path, message: str, **answers: str) -> None:
    """Check that an answer is refused with a message, before anything is written."""
    with pytest.raises(ValueError, match=message):
        render(**answers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "message"), numbered(BAD_NAMES))
def test_bad_repository_name_is_refused(name: str, message: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"'repository_name': {message}", repository_name=name)


@pytest.mark.parametrize("name", ["w", "wine", "wine-3", "a1-b2-c3", "w" * 30, "classes", "json-lines"])
def test_good_repository_name_is_taken(name: str, render: Render) -> None:
    assert tomllib.loads((render(repository_name=name) / "pyproject.toml").read_text())["project"]["name"] == name


@pytest.mark.parametrize(("name", "message"), numbered(BAD_NAMESPACES))
def test_bad_namespace_is_refused(name: str, message: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"'namespace': {message}", namespace=name)


@pytest.mark.parametrize("name", ["w", "3wines", "wine--3", "w" * 30])
def test_good_namespace_begins_those_of_the_environments(name: str, render: Render) -> None:
    overlay = render(namespace=name) / "deploy/serving/overlays/staging/kustomization.yaml"
    assert f"namespace: {name}-staging\n" in overlay.read_text()


@pytest.mark.parametrize(("name", "message"), numbered(BAD_PACKAGES))
def test_bad_package_name_is_refused(name: str, message: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"'package_name': .*{message}", package_name=name)


@pytest.mark.parametrize("name", ["w", "wine", "wine3", "wine_cultivars", "w" * 30, "classes"])
def test_good_package_name_is_taken(name: str, render: Render) -> None:
    assert (render(package_name=name) / "src" / name / "__init__.py").is_file()


@pytest.mark.parametrize("question", LONGEST)
@pytest.mark.parametrize(("text", "message"), numbered(BAD_TEXTS))
def test_bad_text_is_refused(question: str, text: str, message: str, render: Render, tmp_path: Path) -> None:
    # With a name of its own, the repository does not depend on the project's.
    refuses(render, tmp_path, f"'{question}': {message}", repository_name="wine", **{question: text})


@pytest.mark.parametrize(("question", "longest"), LONGEST.items())
def test_too_long_text_is_refused(question: str, longest: int, render: Render, tmp_path: Path) -> None:
    message = f"'{question}': The text has {longest + 1} characters; at most {longest} fit"
    refuses(render, tmp_path, message, repository_name="wine", **{question: "x" * (longest + 1)})


@pytest.mark.parametrize(("question", "longest"), LONGEST.items())
def test_longest_text_is_taken(question: str, longest: int, render: Render) -> None:
    assert render(repository_name="wine", **{question: "x" * longest}).is_dir()


@pytest.mark.parametrize("text", GOOD_TEXTS, ids=ascii)
def test_good_text_arrives_in_toml_unchanged(text: str, render: Render) -> None:
    project = render(repository_name="wine", project_name=text, description=text, author_name=text)
    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert (metadata["description"], metadata["authors"][0]["name"]) == (text, text)


@pytest.mark.parametrize("text", GOOD_TEXTS, ids=ascii)
def test_good_name_heads_the_readme_unchanged(text: str, render: Render) -> None:
    assert (render(repository_name="wine", project_name=text) / "README.md").read_text().splitlines()[0] == f"# {text}"


@pytest.mark.parametrize("text", GOOD_TEXTS[:3], ids=ascii)
@pytest.mark.parametrize("name", ["MIT", "BSD-3-Clause", "Proprietary"])  # Apache's text names no one
def test_good_author_holds_the_licence(name: str, text: str, render: Render) -> None:
    assert f"Copyright (c) {text}" in (render(license=name, author_name=text) / "LICENSE").read_text()


@pytest.mark.parametrize("address", BAD_EMAILS, ids=ascii)
def test_bad_email_is_refused(address: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"'author_email': '{address}' is no e-mail address", author_email=address)


@pytest.mark.parametrize("address", GOOD_EMAILS)
def test_good_email_is_taken(address: str, render: Render) -> None:
    metadata = tomllib.loads((render(author_email=address) / "pyproject.toml").read_text())["project"]
    assert metadata["authors"][0]["email"] == address


@pytest.mark.parametrize(("registry", "message"), numbered(BAD_REGISTRIES))
def test_bad_registry_is_refused(registry: str, message: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"'image_registry': {message}", image_registry=registry)


@pytest.mark.parametrize("registry", GOOD_REGISTRIES)
def test_good_registry_heads_the_image(registry: str, render: Render) -> None:
    image = f"{registry}/wine-cultivars" if registry else "wine-cultivars"
    package = next(render(image_registry=registry).glob("src/*/__init__.py"))
    assert f'image="{image}"' in package.read_text()


@pytest.mark.parametrize(("address", "message"), numbered(BAD_ADDRESSES))
def test_bad_address_of_the_repository_is_refused(address: str, message: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"'repository_url': {message}", gitops="flux", repository_url=address)


def test_address_that_a_controller_needs_cannot_be_left_out(render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, "'repository_url': The address is empty; Argo CD follows", gitops="argocd")


@pytest.mark.parametrize("platform", ["standalone", "kubeflow"])
def test_library_whose_manifests_a_controller_reads_cannot_be_a_package(
    platform: str, render: Render, tmp_path: Path
) -> None:
    message = "'library': 'index' leaves nothing of the library in Git, where Flux reads the platform's manifests"
    refuses(render, tmp_path, message, platform=platform, library="index", **FLUX)


@pytest.mark.parametrize("platform", ["existing", "none"])
def test_library_may_be_a_package_where_a_controller_reads_the_project_alone(platform: str, render: Render) -> None:
    project = render(platform=platform, library="index", **FLUX)
    assert (project / "deploy/gitops").is_dir()
    assert not (project / "vendor").exists()


@pytest.mark.parametrize(("question", "value"), BAD_CHOICES)
def test_choice_that_is_not_offered_is_refused(question: str, value: str, render: Render, tmp_path: Path) -> None:
    refuses(render, tmp_path, f"Invalid choice for '{question}': '{value}' is not in", **{question: value})
