"""The times of a schedule."""

import pytest
from ml_chassis.errors import PipelineError
from ml_chassis.pipelines.schedule import times_of


@pytest.mark.parametrize(
    "cron", ["0 3 31 2 *", "0 3 30-31 FEB *", "0 3 31 4/5 ?", "0 3 31 apr,jun *", "0 3 31 2 */4", "0 3 , * *"]
)
def test_times_that_never_come_are_refused(cron: str) -> None:
    with pytest.raises(PipelineError):
        times_of(cron)


@pytest.mark.parametrize(
    "cron", ["0 3 * * *", "0 3 29 2 *", "0 3 31 2 MON", "0 3 31 4,5 *", "0 3 */2 feb mon-fri", "@daily", "61 0 1 * *"]
)
def test_other_times_are_for_the_server_to_judge(cron: str) -> None:
    times_of(cron)
