import subprocess
import sys

import pytest
from ml_chassis import redaction


@pytest.mark.parametrize("name", ["DATABASE_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY"])
def test_secret_is_hidden_in_each_form(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hunter two\n")

    assert redaction.redact(r"b'Bearer hunter two\n', http://host/hunter%20two") == r"b'Bearer ***\n', http://host/***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("reading http://reader:hunter2@example.com/a failed", "reading http://***@example.com/a failed"),
        ("'https://hunter2@example.com/a'", "'https://***@example.com/a'"),
        ("sftp://reader:a/b@c@example.com", "sftp://***@example.com"),
        ("url='http://example.com/a?X-Amz-Signature=hunter2'", "url='http://example.com/a?X-Amz-Signature=***'"),
        ("postgresql://reader@db.example.com:5432/wines", "postgresql://reader@db.example.com:5432/wines"),
        ("az://container@account/rows.csv, a@example.com?", "az://container@account/rows.csv, a@example.com?"),
    ],
)
def test_logins_and_queries_of_addresses_are_hidden(text: str, shown: str) -> None:
    assert redaction.redact(text) == shown


def test_traceback_of_a_prepared_process_shows_no_secret() -> None:
    script = """
from ml_chassis.process import prepare
from ml_chassis.redaction import hide
prepare()
hide("open sesame")
try:
    1 / 0
except ZeroDivisionError as error:
    raise OSError("open sesame, http://me:hunter2@host") from error
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "OSError: ***, http://***@host" in done.stderr
