"""Holdfast measured against Postfix and Dovecot on the same machine, in the same run, as ratios. README.md says how."""
