"""One folder for each thing a person would name; they do not know each other."""
