"""What ML repositories have in common: data, the model server and its client."""
