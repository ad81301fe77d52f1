"""Holdfast: mail, calendar, contacts, files, sites, chat and meetings on an organisation's own machines."""

__version__ = "0.1.0"
