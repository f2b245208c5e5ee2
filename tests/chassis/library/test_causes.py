"""Why a run on a cluster failed, or does not start."""

import pytest
from ml_chassis.kubectl import stuck
from ml_chassis.pipelines.causes import said_in

AROUND_A_STEP = """
E1127 19:44:05.618617      62 launcher_v2.go:416] Component failed to execute successfully: exit status 1
I1127 19:44:05.667631      62 launcher_v2.go:201] publish success.
F1127 19:44:05.687733      62 main.go:58] failed to execute component: exit status 1
time="2026-11-27T19:44:05.999Z" level=info msg="sub-process exited" argo=true error="<nil>"
Error: exit status 1
"""
"""What KFP's launcher 2.16 and Argo 3.7 log after a step that failed."""
RAISED = """
Traceback (most recent call last):
  File "executor_main.py", line 109, in <module>
    executor_main()
  File "data.py", line 107, in _read_file
    raise DataError(line) from error
ml_chassis.errors.DataError: 'rows.csv' cannot be read:
no such file
"""


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (RAISED + AROUND_A_STEP, "'rows.csv' cannot be read:\nno such file"),
        ("Traceback (most recent call last):\n  File\nKeyError: 'a'\n" + AROUND_A_STEP, "KeyError: 'a'"),
        (f"F1127 19:40:37.4 30 main.go:114] KFP driver: no type\n{AROUND_A_STEP}", "KFP driver: no type"),
        (f"Killed\n{AROUND_A_STEP.lstrip()}", "Killed"),
        ("", "it logged nothing."),
    ],
    ids=["sentence", "exception", "driver", "last words", "silence"],
)
def test_cause_of_a_failed_step_is_what_it_said_last(log: str, cause: str) -> None:
    assert said_in(log) == cause


def test_container_that_waits_for_its_image_is_told_though_others_wait_for_it() -> None:
    launcher = {"reason": "ImagePullBackOff", "message": "no such image"}
    states = {
        "initContainerStatuses": [{"state": {"waiting": launcher}}],
        "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
    }

    assert stuck({"metadata": {"name": "step"}, "status": states}) == "step is in ImagePullBackOff: no such image"
