"""Where the network meets the services, one folder for each protocol."""
