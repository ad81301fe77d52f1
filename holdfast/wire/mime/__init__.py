"""MIME documents without I/O: what a message is made of, who wrote it, and what it says. Tolerant of any bytes."""
