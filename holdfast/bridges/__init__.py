"""Stories that need two services, one file each."""
