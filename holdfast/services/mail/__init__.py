"""Mail: mailboxes, emails, threads, the way of a message in, through and out."""
