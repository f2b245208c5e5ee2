import pytest
from ml_chassis.addresses import parse, without_secrets


@pytest.mark.parametrize(
    "text",
    [
        "rows.csv",
        "a file#1@home.csv",
        "sklearn:wine",
        "models:/wine/7",
        "https://example.com/npm/wine@2/rows.csv",
        "http://[::1]:8080/rows.csv",
        "s3://bucket/rows.parquet?versionId=3",
        "az://container@account.blob.core.windows.net/rows.csv",
        "file:///data/rows.csv",
        "postgresql://reader%40team@db.example.com:5432/wines?connect_timeout=3",
        "mysql://reader@10.0.0.1/wines",
        "http://mlflow.example.com:5000",
        "sqlite:////data/my runs/mlflow.db",
    ],
)
def test_address_without_a_secret_is_taken_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://hunter2@example.com/rows.csv",
        "HTTPS://reader:hunter2@example.com/rows.csv",
        " https://reader:hunter2@example.com/rows.csv",
        "https:/reader:hunter2@example.com/rows.csv",
        "https://reader:5/hunter2@example.com/rows.csv",
        "https://reader:a#hunter2@example.com/rows.csv",
        "https://reader?hunter2@example.com/rows.csv",
        "https://a@b@hunter2/rows.csv",
        "https://example.com/rows.csv?api_key=hunter2",
        "https://example.com/rows.csv?X-Amz-Signature=hunter2",
        "https://example.com/rows.csv?hunter2",
        "https://example.com/rows.csv#hunter2",
        "https://example.com/a.csv::https://hunter2@example.com/rows.csv",
        "simplecache::https://reader:hunter2@example.com/rows.csv",
        "s3://key:a/hunter2@bucket/rows.csv",
        "s3://bucket/rows.csv?AWSAccessKeyId=hunter2",
        "az://container/rows.csv?sv=1&sig=hunter2",
        "postgresql://reader:hunter2@db.example.com/wines",
        "postgresql://reader:5/hunter2@db.example.com/wines",
        "postgresql://reader%3Ahunter2@db.example.com/wines",
        "postgresql://reader@db.example.com:hunter2/wines",
        "postgresql://reader@db.example.com/wines?sslpassword=hunter2",
        "postgresql+psycopg://reader:hunter2@db.example.com/wines",
        "postgresql:reader:hunter2@db.example.com/wines",
        "reader:hunter2@example.com:9091",
    ],
)
def test_address_that_may_hold_a_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="contains a secret") as error:
        without_secrets(text)

    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://reader@db.example.com/wines?host=evil.example.com",
        "postgresql://reader@db.example.com/wines?hostaddr=192.0.2.1",
        "postgresql://reader@db.example.com/wines?service=evil",
        "postgresql://reader@db.example.com,evil.example.com/wines",
        "postgresql://reader@%2Ftmp/wines",
        "postgresql://reader@dß.example.com/wines",
        "postgresql:///wines",
        "mysql://reader@db.example.com/wines?unix_socket=/tmp/evil",
        "mysql://reader@db.example.com/wines?init_command=evil",
    ],
)
def test_database_is_one_host_that_the_address_names(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize("host", ["db.example.com", "DB.example.com.", "db.example.com:5432"])
def test_ways_to_write_a_host_are_the_same_host(host: str) -> None:
    assert parse(f"postgresql://reader@{host}/wines").authority == "db.example.com:5432"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[0:0::1]", True),
        ("127.1", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert parse(f"mysql://reader@{host}/wines").loopback == loopback
