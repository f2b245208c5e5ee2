"""What `make run` does, as plain calls in one process. The Python of a default project runs this in its folder."""
# mypy: disable-error-code="import-not-found"

from wine_cultivars.data import load, split
from wine_cultivars.evaluation import judge
from wine_cultivars.pipelines.arguments import training_arguments
from wine_cultivars.registry import Registry
from wine_cultivars.settings import load_settings
from wine_cultivars.tracking import log_training
from wine_cultivars.training import train
from wine_cultivars.validation import validate


def main() -> None:
    """Train, judge, record and register a model, and promote it if it passed."""
    settings = load_settings()
    arguments = training_arguments(settings)
    target, seed = settings.data_target, settings.random_seed
    valid = validate(load(settings.data_uri, settings.data_table), target)
    training, held_out = split(valid, target, settings.test_share, seed)
    model = train(training, target, seed)
    registry = Registry(settings)
    verdict = judge(
        model, registry.load_champion(), training, held_out, target, settings.gate_metric, settings.gate_margin
    )
    recorded = ("data_uri", "data_version", "test_share", "gate_metric", "gate_margin")
    params = {name: arguments[name] for name in recorded}
    tags = {"git_commit": arguments["git_commit"]}
    model_uri = log_training(settings, model, training, held_out, target, seed, params, verdict.metrics, tags)
    version = registry.register(model_uri, verdict)
    if verdict.passed:
        registry.promote(version)


if __name__ == "__main__":
    main()
