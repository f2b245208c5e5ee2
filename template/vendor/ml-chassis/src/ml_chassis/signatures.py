"""Says what a model takes and gives, which is what its server checks requests by."""

import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema, TensorSpec

from ml_chassis.kinds import BOOLEAN, kind_of
from ml_chassis.model_record import Column
from ml_chassis.serving.columns import tensors_of


def signature(training_rows: pd.DataFrame, held_out_rows: pd.DataFrame, answers: pd.Series) -> ModelSignature:
    """Return what a model takes, by the kinds of its columns whatever values there happen to be, and what it gives.

    Args:
        training_rows: the rows it learned from, with the target.
        held_out_rows: the rows it was judged by, with the target.
        answers: the model's answers, named as the target.

    Raises:
        ServingError: no server could send the answers.
    """
    columns: list[ColSpec | TensorSpec] = []
    for name in training_rows.columns.drop(str(answers.name)):
        values = training_rows[name]
        missing = values.dtype == BOOLEAN.missing_dtype or values.hasnans or held_out_rows[name].hasnans
        columns.append(ColSpec(kind_of(values.dtype).signature, str(name), required=not missing))
    outputs = infer_signature(model_output=answers).outputs
    tensors_of([Column(getattr(output.type, "name", str(output.type)), str(output.name)) for output in outputs.inputs])
    return ModelSignature(Schema(columns), outputs)
