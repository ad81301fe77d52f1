"""SMTP and LMTP: RFC 5321, RFC 2033 and their extensions, both sides, without a socket."""
