"""What is watched while the model serves: its data, its drift and its accuracy."""
