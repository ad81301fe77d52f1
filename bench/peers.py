"""The peers to beat: a Postfix and a Dovecot of our own, in a folder of our own, on ports of our own.

Both run with their defaults wherever that is possible; what differs is said beside the line that differs. Neither reads nor
writes the machine's own configuration, spool or mail. Postfix needs root (its master insists); Dovecot does without.
The tests use them too: Postfix as the outside world that receives what we send.
"""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import shutil
import subprocess
from enum import Enum
from pathlib import Path

from bench.process import free_ports, stop, wait_for_port

PASSWORD = "bench-password"
DOMAIN = "example.org"


class Storage(Enum):
    """How Dovecot keeps its mail."""

    MAILDIR = "maildir"
    SDBOX = "sdbox"


class Dovecot:
    """A Dovecot that serves IMAP and LMTP; every name at every domain is an account, its password is PASSWORD."""

    def __init__(self, folder: Path, storage: Storage) -> None:
        self.folder = folder
        self.storage = storage
        self.lmtp_socket = folder / "lmtp"
        self.imap_port, self.imaps_port, self.lmtp_port = free_ports(3)
        self._owner = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start, or start again; every port answers when this returns."""
        _open_to_others(self.folder)
        for name in ("run", "state", "users"):
            (self.folder / name).mkdir(exist_ok=True)
        os.chown(self.folder / "users", self._owner.pw_uid, self._owner.pw_gid)
        certificate = self._certificate()
        config = self.folder / "dovecot.conf"
        config.write_text(self._config(certificate))
        self._process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for port in (self.imap_port, self.imaps_port, self.lmtp_port):
            wait_for_port(port, self._process, self.folder / "dovecot.log")

    def stop(self) -> None:
        """End it and all its processes."""
        if self._process is not None:
            stop(self._process)

    def user_folder(self, name: str) -> Path:
        """Where the mail of a user is."""
        return self.folder / "users" / name / "mail"

    def adopt(self, path: Path) -> None:
        """Give files that were written for a user to the owner under which Dovecot reads them."""
        for entry in (path, *path.rglob("*")):
            os.chown(entry, self._owner.pw_uid, self._owner.pw_gid)

    def adopt_indexes(self, name: str) -> None:
        """Give the index files of a user to the owner under which Dovecot reads them."""
        for path in self.user_folder(name).rglob("dovecot*"):
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def doveadm(self, *arguments: str) -> None:
        """Run doveadm on this Dovecot."""
        subprocess.run(
            ["doveadm", "-c", str(self.folder / "dovecot.conf"), *arguments], check=True, stdout=subprocess.DEVNULL
        )

    def _certificate(self) -> Path:
        path = self.folder / "certificate.pem"
        if not path.exists():
            # Elliptic, as our own: RSA would weigh a handshake and not the connection.
            key, public = ["-keyout", str(path)], ["-out", str(self.folder / "public.pem")]
            kind = [
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ]
            subprocess.run(["openssl", "req", "-x509", *kind, *key, *public], check=True, stderr=subprocess.DEVNULL)
            with path.open("a") as both:
                both.write((self.folder / "public.pem").read_text())
        return path

    def _config(self, certificate: Path) -> str:
        me = getpass.getuser()
        group = grp.getgrgid(os.getegid()).gr_name
        unprivileged = "" if os.geteuid() == 0 else _UNPRIVILEGED.format(me=me, group=group)
        return _DOVECOT.format(
            folder=self.folder,
            storage=self.storage.value,
            certificate=certificate,
            uid=self._owner.pw_uid,
            gid=self._owner.pw_gid,
            password=PASSWORD,
            imap_port=self.imap_port,
            imaps_port=self.imaps_port,
            lmtp_port=self.lmtp_port,
            unprivileged=unprivileged,
        )


class Postfix:
    """A Postfix that takes mail for DOMAIN and gives it to an LMTP socket, or throws it away when there is none."""

    def __init__(self, folder: Path, lmtp_socket: Path | None = None, lines: str = "") -> None:
        """lines: more of main.cf, for a test that wants something particular."""
        self.folder = folder
        self.transport = f"lmtp:unix:{lmtp_socket}" if lmtp_socket else "discard:"
        self.lines = lines
        [self.port] = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def why_not() -> str | None:
        """Why Postfix cannot run here, or None."""
        if shutil.which("postfix") is None:
            return "postfix is not installed (scripts/debian-packages)"
        return None if os.geteuid() == 0 else "Postfix's master runs for root only"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        """Its log: a line for each message and step."""
        return self.folder / "postfix.log"

    def start(self) -> None:
        """Start, or start again; the port answers when this returns."""
        _open_to_others(self.folder)
        config = self.folder / "config"
        for path in (config, self.folder / "spool", self.folder / "data"):
            path.mkdir(exist_ok=True)
        postfix = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", postfix.pw_uid, postfix.pw_gid)
        (config / "main.cf").write_text(
            _MAIN_CF.format(folder=self.folder, transport=self.transport, domain=DOMAIN) + self.lines
        )
        (config / "master.cf").write_text(_MASTER_CF.format(port=self.port))
        # start-fg lays out the spool, then becomes the master itself: the pid is ours.
        self._process = subprocess.Popen(
            ["postfix", "-c", str(config), "start-fg"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port, self._process, self.log)

    def stop(self) -> None:
        """End it and all its processes; the spool stays."""
        if self._process is not None:
            stop(self._process)

    def flush(self) -> None:
        """Make it try every deferred message now."""
        subprocess.run(["postqueue", "-c", str(self.folder / "config"), "-f"], check=True)


def _open_to_others(folder: Path) -> None:
    """Let the servers' own users pass through a folder and those above it that are ours (a temporary folder is 0700)."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)


_DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = 127.0.0.1
protocols = imap lmtp
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
# Loopback counts as secure already; said for the reader.
disable_plaintext_auth = no

passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/users/%n
}}
auth_username_format = %Ln
mail_location = {storage}:{folder}/users/%n/mail
first_valid_uid = 1
first_valid_gid = 1
# The default of 10 connections for a user and address is a policy; 200 of them are measured here.
mail_max_userip_connections = 2000
{unprivileged}
service imap-login {{
  # With TLS a login process stays as long as its connection: the default limit of 100 would refuse the second hundred.
  process_limit = 400
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""

_UNPRIVILEGED = """\
default_internal_user = {me}
default_login_user = {me}
default_internal_group = {group}
service imap-login {{
  chroot =
}}
service anvil {{
  chroot =
}}
"""

_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = peer.example.net
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:here
virtual_transport = {transport}
# There is no syslog here; a file by Postfix's own postlogd.
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
# 50 MiB messages are measured; the default is 10 MB.
message_size_limit = 60000000
biff = no
"""

# Debian's master.cf with nothing in a chroot (Debian's own default since 3.6), and the SMTP port ours.
_MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
