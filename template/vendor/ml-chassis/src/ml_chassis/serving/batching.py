"""Runs the model off the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ml_chassis.serving.columns import Rows, together
from ml_chassis.serving.outputs import NOTHING, Wanted
from ml_chassis.serving.refusals import Reason, Refusal

MOST_ROWS_TOGETHER = 1_000


class Sliceable(Protocol):
    """Answers, one for each row, of which those for some rows can be taken."""

    def __getitem__(self, some: slice, /) -> Any:
        """Return the answers for some rows."""


Answers = TypeVar("Answers", bound=Sliceable)


class _Job(NamedTuple):
    rows: Rows
    wanted: Wanted
    answer: "asyncio.Future[Any]"


class Batcher(Generic[Answers]):
    """One thread that predicts. Whatever waits when it becomes free goes to the model in one call.

    A call of the model costs much the same for one row as for a hundred, so a busy server answers several requests in
    the time of one, and an idle one answers at once. The model must treat each row by itself.
    """

    def __init__(self, predict: Callable[[Rows, Wanted], Answers], most_waiting: int, seconds: float) -> None:
        """Start to work; call this from the event loop.

        Args:
            predict: returns one answer for each row, and beside it what is wanted.
            most_waiting: how many requests may wait at a time.
            seconds: how long each may wait.
        """
        self._predict = predict
        self._most_waiting, self._seconds = most_waiting, seconds
        self._jobs: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "predict")
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._work())

    async def predict(self, rows: Rows, wanted: Wanted = NOTHING) -> Answers:
        """Return one answer for each row, and beside it what is wanted.

        Raises:
            Refusal: `most_waiting` requests wait already, or it took longer than `seconds`.
        """
        if len(self._jobs) >= self._most_waiting:
            raise Refusal(f"{len(self._jobs)} requests wait already; try again.", Reason.QUEUE_FULL)
        answer: asyncio.Future[Answers] = self._loop.create_future()
        self._jobs.append(_Job(rows, wanted, answer))
        self._arrived.set()
        timer = self._loop.call_later(self._seconds, self._give_up, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """Stop working."""
        self._task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            if not (jobs := self._next_jobs()):
                continue
            outcomes = await self._loop.run_in_executor(self._thread, self._outcomes, jobs)
            for job, outcome in zip(jobs, outcomes, strict=True):
                if job.answer.done():
                    continue  # its client gave up
                if isinstance(outcome, Exception):
                    job.answer.set_exception(outcome)
                else:
                    job.answer.set_result(outcome)

    def _next_jobs(self) -> list[_Job]:
        """Return what goes to the model together, which wants the same; where a client gave up, nobody waits for it."""
        jobs: list[_Job] = []
        size = 0
        while self._jobs and size < MOST_ROWS_TOGETHER:
            if jobs and jobs[0].wanted != self._jobs[0].wanted:
                break
            job = self._jobs.popleft()
            if not job.answer.done():
                jobs.append(job)
                size += len(job.rows)
        if not self._jobs:
            self._arrived.clear()
        return jobs

    def _outcomes(self, jobs: list[_Job]) -> list[Answers | Exception]:
        """Return what each job gets. Where one of several makes the model fail, each is tried by itself."""
        try:
            answers = self._predict(together([job.rows for job in jobs]), jobs[0].wanted)
        except Exception as error:
            return [error] if len(jobs) == 1 else [outcome for job in jobs for outcome in self._outcomes([job])]
        if len(jobs) == 1:
            return [answers]
        ends = accumulate((len(job.rows) for job in jobs), initial=0)
        return [answers[start:end] for start, end in pairwise(ends)]

    def _give_up(self, answer: "asyncio.Future[Any]") -> None:
        if not answer.done():
            complaint = f"The model took longer than {self._seconds} seconds; try again."
            answer.set_exception(Refusal(complaint, Reason.TIMEOUT))
