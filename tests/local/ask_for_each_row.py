"""Asks a model server for each row of the project's data alone and for all together, which must be answered alike.

It runs in a generated project's environment: `ask_for_each_row.py ADDRESS`. It prints MLflow's
description of the newest run.
"""

import sys

import httpx2
import mlflow
import msgspec
import pandas as pd
from ml_chassis.data import rows_of_project
from ml_chassis.runs import connect
from ml_chassis.serving.client import input_tensors
from ml_chassis.serving.protocol import InferenceRequest, InferenceResponse, ModelMetadata
from wine_cultivars.settings import Settings

settings = Settings.load()
rows = rows_of_project(settings)
model = f"{sys.argv[1]}/v2/models/{settings.model_name}"
with httpx2.Client(trust_env=False) as client:
    columns = msgspec.json.decode(client.get(model).content, type=ModelMetadata).inputs

    def answers(asked: pd.DataFrame) -> list[object]:
        """Return what the server answers for some rows."""
        body = msgspec.json.encode(InferenceRequest(input_tensors(asked, columns)))
        answer = client.post(f"{model}/infer", content=body, headers={"Content-Type": "application/json"})
        assert answer.is_success, answer.text
        return list(msgspec.json.decode(answer.content, type=InferenceResponse).outputs[0].data)

    assert [answer for place in range(len(rows)) for answer in answers(rows.iloc[[place]])] == answers(rows)
connect(settings)
(newest,) = mlflow.search_runs(search_all_experiments=True, max_results=1, output_format="list")
print("Each row alone and all rows together get the same answers. MLflow's description of the run:")
print(newest.data.tags["mlflow.note.content"])
