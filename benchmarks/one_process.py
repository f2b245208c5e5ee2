"""What `make run` does, as plain calls in one process. The Python of a default project runs this in its folder."""
# mypy: disable-error-code="import-not-found"

from ml_chassis.data import rows_of_project
from ml_chassis.evaluation import judge
from ml_chassis.holdout import hold_out
from ml_chassis.pipelines.arguments import training_arguments
from ml_chassis.pipelines.outcome import promote, record
from ml_chassis.registry import Registry
from ml_chassis.schema import remarks
from ml_chassis.validation import validate
from wine_cultivars import PROJECT
from wine_cultivars.evaluation import measure
from wine_cultivars.training import train


def main() -> None:
    """Train, judge, record and register a model, and promote it if it passed."""
    settings = PROJECT.settings.load()
    target, seed = settings.data_target, settings.random_seed
    valid = validate(rows_of_project(settings), target, PROJECT.schema)
    split_by = settings.split_key, settings.split_time
    notes = remarks(valid, target, PROJECT.schema, split_by)
    training, held_out, rule = hold_out(valid, target, settings.test_share, seed, *split_by)
    model = train(training, target, seed)
    champion, gate = Registry(settings).load_champion(), (settings.gate_metric, settings.gate_margin)
    verdict = judge(model, champion, training, held_out, target, *gate, measure, rule)
    params = training_arguments(settings)
    found = record(settings, model, training, held_out, verdict, notes, target, seed, params, "training", "")
    promote(settings, found.version, verdict.passed)


if __name__ == "__main__":
    main()
