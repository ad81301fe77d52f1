"""The directory: organisations, domains, addresses, people and how they prove who they are."""
