"""IMAP4rev1 without a socket: reading commands, rendering responses, and what a client believes its mailbox holds."""
