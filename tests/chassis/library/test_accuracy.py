"""What is said of versions whose predictions have labels."""

from datetime import UTC, datetime

from ml_chassis.monitoring.accuracy import Accuracy, compare, describe


def answers(first_day: int, days: int, right: float) -> Accuracy:
    """Return ten labelled predictions a day, the first share of each day's right, and as many without a label."""
    made = [datetime(2026, 1, first_day + day, hour, tzinfo=UTC) for day in range(days) for hour in range(10)]
    return Accuracy([(time, time.hour < 10 * right) for time in made], 2 * len(made))


def test_accuracy_comes_with_what_it_rests_on() -> None:
    sentence = describe("1", answers(1, 10, 0.8))

    assert "was right in 80.0% (71.1% to 86.7%) of 100 labelled predictions, " in sentence
    assert sentence.endswith("2026-01-01 00:00 to 2026-01-10 09:00; 100 have no label.")


def test_versions_are_compared_over_the_time_in_which_both_answered() -> None:
    hard_days = Accuracy(answers(1, 10, 0.2).answers + answers(11, 10, 0.9).answers, 400)

    said = compare({"1": hard_days, "2": answers(11, 11, 0.8)})

    assert "version 1 was right in 90.0% of 100 and version 2 in 80.0% of 100" in said


def test_comparison_says_what_may_be_chance() -> None:
    close, far = (compare({"1": answers(1, 10, 0.8), "2": answers(1, 10, right)}) for right in (0.7, 0.3))

    assert "-21.7% to +2.0%, so it may be chance" in close
    assert "may be chance" not in far


def test_versions_of_different_times_are_not_compared() -> None:
    found = {"1": answers(1, 5, 0.9), "2": answers(11, 5, 0.8)}

    assert compare(found) == "Versions 1 and 2 answered at different times, so this does not tell which is better."
