"""The ideas that all services share; knows no mail and no HTTP."""
