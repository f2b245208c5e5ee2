"""`python -m copier_kubeflow` is the command `copier-kubeflow`."""

from .cli import main

if __name__ == "__main__":
    main()
