"""Takes made-up tables of every kind of column from a file to the answers of a model server.

It runs in a generated project's environment, beside Hypothesis: `walk_kinds.py PACKAGE`.
"""

import importlib
import logging
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ml_chassis.evaluation import Verdict
from ml_chassis.registry import Registry
from ml_chassis.schema import infer
from ml_chassis.serving.client import input_tensors
from ml_chassis.serving.columns import TensorMetadata
from ml_chassis.tracking import log_training
from ml_chassis.validation import validate
from starlette.testclient import TestClient

PROJECT = importlib.import_module(sys.argv[1]).PROJECT
ROWS, ALONE = 32, 3
TARGET = "the label"
FLOATS = st.floats(-1e30, 1e30)
INSTANTS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))
TEXTS = st.text("aZß é,;\"'{<[", min_size=1, max_size=8).map(lambda text: f"t{text}t")
OF_CSV: dict[str, st.SearchStrategy[Any]] = {
    "booleans": st.booleans(),
    "integers": st.integers(-(2**53), 2**53),
    "numbers": FLOATS,
    "texts": TEXTS,
    "digits": st.integers(0, 999).map("{:05}".format),
}
OF_PARQUET: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "booleans": (pa.bool_(), st.booleans()),
    "bytes": (pa.uint8(), st.integers(0, 255)),
    "integers": (pa.int64(), st.integers(-(2**53), 2**53)),
    "unsigned": (pa.uint64(), st.integers(0, 2**53)),
    "floats": (pa.float32(), st.floats(-(2.0**99), 2.0**99, width=32)),  # 1e30 is no number of 32 bits
    "numbers": (pa.float64(), FLOATS),
    "decimals": (pa.decimal128(15, 2), st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents) / 100)),
    "texts": (pa.string(), TEXTS),
    "categories": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b"])),
    "days": (pa.date32(), st.dates(date(1700, 1, 1), date(2200, 1, 1))),
    "times": (pa.timestamp("us"), INSTANTS),
    "zoned": (pa.timestamp("us", "Europe/Berlin"), INSTANTS.map(lambda at: at.replace(tzinfo=UTC))),
}
NAMES = ["größe [cm]", "a<b", 'say "hi", {x}: 100%', "index", "7", "with space", "$_per_$"]
LABELS: list[list[Any]] = [["yes", "no"], [True, False], [-1, 1], [1.0, 2.0], ["$1_$2", "$3"]]


def column(values: st.SearchStrategy[Any], draw: st.DrawFn) -> list[Any]:
    """Draw the values of a column, of which some, all or none are missing."""
    pool = draw(st.lists(values, min_size=1, max_size=ROWS))
    gap = draw(st.sampled_from([0, 0, 1, 2, 5]))
    return [None if gap and place % gap == 0 else pool[place % len(pool)] for place in range(ROWS)]


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, dict[str, list[Any]], dict[str, pa.DataType]]:
    """Draw the suffix of a file, the columns in it, and for Parquet their types."""
    suffix = draw(st.sampled_from(["csv", "parquet"]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    types, columns = {}, {}
    for name in names:
        kind = draw(st.sampled_from(sorted(OF_CSV if suffix == "csv" else OF_PARQUET)))
        values = OF_CSV.get(kind, st.none()) if suffix == "csv" else OF_PARQUET[kind][1]
        columns[name] = column(values, draw)
        if suffix == "parquet":
            types[name] = OF_PARQUET[kind][0]
    columns[TARGET] = draw(st.sampled_from(LABELS)) * (ROWS // 2)
    return suffix, columns, types


def write(file: Path, columns: dict[str, list[Any]], types: dict[str, pa.DataType]) -> None:
    """Write the file as others do: CSV from objects, Parquet from Arrow's types."""
    if file.suffix == ".csv":
        pd.DataFrame(columns, dtype=object).to_csv(file, index=False)
    else:
        pq.write_table(pa.table({name: pa.array(own, types.get(name)) for name, own in columns.items()}), file)


def plain(value: Any) -> Any:
    """Return a value in the form by which what was written and what was read compare."""
    if pd.isna(value):
        return None
    if isinstance(value, date | pd.Timestamp):
        instant = pd.Timestamp(value)
        return instant.tz_convert(None) if instant.tz else instant
    return float(value) if isinstance(value, int | float | Decimal) else value


@settings(max_examples=4, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(table=tables())
def walk(table: tuple[str, dict[str, list[Any]], dict[str, pa.DataType]]) -> None:
    """Read, judge, train, record and serve a table, in which no value changes on the way."""
    suffix, columns, types = table
    folder = Path(tempfile.mkdtemp())
    file, schema = folder / f"rows.{suffix}", folder / "schema.yaml"
    write(file, columns, types)
    own = PROJECT.settings(data_uri=str(file), local_dir=folder, mlflow_tracking_uri="", _env_file=None)
    found = PROJECT.module("data").load(own)
    infer(found, TARGET, schema)
    valid = validate(found, TARGET, schema)
    for name, values in columns.items():
        assert [plain(value) for value in valid[name]] == [plain(value) for value in values], name
    held_out, training = valid.iloc[:8], valid.iloc[8:]
    assume(not training.drop(columns=TARGET).isna().all(axis=None))  # there is something to learn from
    model = PROJECT.module("training").train(training, TARGET, 7)
    uri = log_training(own, model, training, held_out, TARGET, 7, {}, {"accuracy": 1.0}, {})
    registry = Registry(own)
    registry.promote(registry.register(uri, Verdict({}, True, "")))
    features = valid.drop(columns=TARGET)
    expected = model.predict(features).tolist()
    with TestClient(PROJECT.module("serving").app(own)) as client:
        while client.get("/v2/health/ready").is_error:
            time.sleep(0.05)
        for asked in [features, *(features.iloc[[place]] for place in range(ALONE))]:
            answers = ask(client, own.model_name, asked)
            assert answers == [expected[place] for place in asked.index], (answers, asked)


def ask(client: TestClient, name: str, rows: pd.DataFrame) -> list[Any]:
    """Return the answers for rows, which are the same by tensor and by record."""
    described = client.get(f"/v2/models/{name}").json()["inputs"]
    tensors = input_tensors(rows, [TensorMetadata(**each) for each in described])
    body = {"inputs": [{key: getattr(each, key) for key in ("name", "shape", "datatype", "data")} for each in tensors]}
    records = [dict(zip(rows.columns, row, strict=True)) for row in zip(*(each.data for each in tensors), strict=True)]
    by_tensor, by_record = client.post(f"/v2/models/{name}/infer", json=body), client.post("/predict", json=records)
    assert by_tensor.status_code == by_record.status_code == 200, (by_tensor.text, by_record.text)
    answers: list[Any] = by_tensor.json()["outputs"][0]["data"]
    assert answers == by_record.json()["predictions"]
    return answers


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    walk()
