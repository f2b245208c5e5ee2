import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ml_chassis.serving.batching import Batcher
from ml_chassis.serving.columns import Rows
from ml_chassis.serving.outputs import Wanted
from ml_chassis.serving.refusals import Refusal
from numpy.typing import NDArray


class Doubler:
    """A model that doubles its first column, waits at its first call until it is released, and refuses -1."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.wanted: list[set[str]] = []
        self.released = threading.Event()

    def predict(self, rows: Rows, wanted: Wanted) -> NDArray[Any]:
        self.calls.append(len(rows))
        self.wanted.append(set(wanted))
        self.released.wait()
        first: NDArray[Any] = np.asarray(rows)[:, 0]
        if (first == -1).any():
            raise ValueError("-1 is refused")
        return first * 2


def together(
    model: Doubler,
    *requests: Rows,
    most_waiting: int = 10,
    seconds: float = 10,
    wishes: Sequence[Wanted] | None = None,
) -> list[Any]:
    """Return the answers to requests that arrive while the model is busy with the first."""
    asked = zip(requests, wishes or [set[str]()] * len(requests), strict=True)

    async def ask() -> list[Any]:
        batcher = Batcher(model.predict, most_waiting, seconds)
        tasks = [asyncio.create_task(batcher.predict(rows, wanted)) for rows, wanted in asked]
        while not model.calls:
            await asyncio.sleep(0.001)
        model.released.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.close()
        return [answer.tolist() if isinstance(answer, np.ndarray) else answer for answer in answers]

    return asyncio.run(ask())


def matrix(*values: float) -> NDArray[Any]:
    return np.array(values).reshape(-1, 1)


def test_requests_that_wait_share_one_call() -> None:
    model = Doubler()

    assert together(model, matrix(1), matrix(2, 3), matrix(4)) == [[2], [4, 6], [8]]
    assert model.calls in ([1, 3], [4])


def test_requests_that_want_something_beside_share_no_call_with_others() -> None:
    model = Doubler()
    wishes: list[set[str]] = [set(), {"more"}, {"more"}, set()]

    assert together(model, *map(matrix, [1, 2, 3, 4]), wishes=wishes) == [[2], [4], [6], [8]]
    assert (model.calls, model.wanted) == ([1, 2, 1], [set(), {"more"}, set()])


def test_dataframes_share_a_call_too() -> None:
    frames = [pd.DataFrame({"a": [value]}) for value in (1, 2, 3)]

    assert together(Doubler(), *frames) == [[2], [4], [6]]


def test_request_that_fails_spoils_no_other() -> None:
    first, second, third = together(Doubler(), matrix(1), matrix(-1), matrix(3))

    assert (first, third) == ([2], [6])
    assert str(second) == "-1 is refused"


def test_request_beyond_the_limit_is_refused() -> None:
    answers = together(Doubler(), matrix(1), matrix(2), matrix(3), most_waiting=2)

    assert answers[:2] == [[2], [4]]
    assert isinstance(answers[2], Refusal)
    assert answers[2].status_code == 503


def test_request_that_waits_too_long_is_refused() -> None:
    (answer,) = together(Doubler(), matrix(1), seconds=0)

    assert isinstance(answer, Refusal)
    assert answer.status_code == 504


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("busy", "calls"), [(False, [1]), (True, [1, 1])], ids=["waiting", "being predicted"])
def test_client_that_gives_up_harms_nobody(busy: bool, calls: list[int]) -> None:
    model = Doubler()

    async def ask() -> float:
        batcher = Batcher(model.predict, 10, 10)
        impatient = asyncio.create_task(batcher.predict(matrix(1)))
        await asyncio.sleep(0)
        while busy and not model.calls:
            await asyncio.sleep(0.001)
        impatient.cancel()
        patient = asyncio.create_task(batcher.predict(matrix(2)))
        model.released.set()
        return float((await patient)[0])

    assert asyncio.run(ask()) == 4
    assert model.calls == calls
