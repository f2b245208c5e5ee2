from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ml_chassis.kinds import BOOLEAN, DATE, INTEGER, KINDS, NUMBER, TEXT, Kind, converted, kind_of
from ml_chassis.serving.columns import SIGNATURE_TYPES

PAGE = Path(__file__).parents[3] / "template/docs/data.md.jinja"


def test_page_shows_the_table() -> None:
    rows = [
        (kind.plural, kind.read_from, f"`{kind.dtype}`", f"`{kind.missing_dtype}`", kind.missing, kind.datatype)
        for kind in KINDS
    ]

    assert "\n".join(f"| {' | '.join(cells)} |" for cells in rows) in PAGE.read_text()


def test_server_has_the_datatypes_of_the_table() -> None:
    of_kinds = {kind.signature: kind.datatype.partition(",")[0] for kind in KINDS}

    assert of_kinds.items() <= SIGNATURE_TYPES.items()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_column_without_a_value_is_of_every_kind_that_may_be_missing(kind: Kind) -> None:
    nothing, fits = converted(pd.Series([np.nan, np.nan]), kind, nullable=True)

    assert fits.all() == (kind != INTEGER)
    assert kind == INTEGER or kind_of(nothing.dtype) == kind


@pytest.mark.parametrize(
    ("values", "kind", "fits"),
    [
        ([1.0, 2.5, np.nan], INTEGER, [True, False, False]),
        ([1, 2**53 + 1], NUMBER, [True, False]),
        ([True, False], NUMBER, [False, False]),
        ([1, 0], BOOLEAN, [False, False]),
        (["yes", None], BOOLEAN, [False, True]),
        (["1", "2"], NUMBER, [False, False]),
        ([1, 2], TEXT, [False, False]),
        (["2026-01-01", "2026-01-01T02:00+02:00", "soon", None], DATE, [True, True, False, True]),
        (["now", "today", "", "NaT", "9999-12-31"], DATE, [False] * 5),
    ],
)
def test_value_is_of_another_kind_only_where_it_stays_what_it_is(
    values: list[object], kind: Kind, fits: list[bool]
) -> None:
    assert converted(pd.Series(values), kind, nullable=False)[1].tolist() == fits
