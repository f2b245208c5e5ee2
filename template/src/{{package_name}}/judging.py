"""Compares a candidate with the champion on the same held-out rows."""

import pandas as pd
from sklearn.pipeline import Pipeline

from .evaluation import score
from .registry import Registry
from .training import train_baseline
from .verdict import Verdict, decide


def judge(
    candidate: Pipeline,
    training_rows: pd.DataFrame,
    held_out_rows: pd.DataFrame,
    target: str,
    registry: Registry,
    metric: str,
    margin: float,
) -> Verdict:
    """Judge the candidate against the champion, or against the most frequent label where no champion can answer.

    Args:
        candidate: a fitted model.
        training_rows: the rows it learned from, for the baseline.
        held_out_rows: the rows to judge by.
        target: the label column of both.
        registry: where the champion is.
        metric: the name of the deciding metric.
        margin: by how much the candidate must beat its rival.
    """
    metrics = score(candidate, held_out_rows, target)
    rival_name = "the baseline"
    version = registry.champion()
    if version is not None:
        champion = registry.load(version)
        if list(champion.feature_names_in_) == list(candidate.feature_names_in_):
            rival = score(champion, held_out_rows, target)
            return decide(metrics, rival, f"champion version {version}", metric, margin)
        rival_name = f"the baseline (champion version {version} takes other columns)"
    baseline = score(train_baseline(training_rows, target), held_out_rows, target)
    return decide(metrics, baseline, rival_name, metric, margin)
