"""Why a file or a connection could not be used, in our own words: what the system says is in a language of its own."""

from __future__ import annotations

import errno
import os

_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.EACCES: "you may not use it: its rights do not allow it",
    errno.EPERM: "you may not use it: the system does not allow it",
    errno.EROFS: "nothing can be written there: the disk is read-only",
    errno.ENOSPC: "no space is left on the disk",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOTDIR: "a part of its path is no folder",
    errno.EEXIST: "something of that name is there already",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "its links lead in a circle",
    errno.EBUSY: "another program uses it",
    errno.EMFILE: "this program has too many files open",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "there is too little memory",
    errno.EAGAIN: "the system has no more processes or threads to give",
    errno.EIO: "the disk or device has failed while it was used",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.EPIPE: "nobody reads it any more",
    errno.ECONNREFUSED: "nobody listens there",
    errno.ECONNRESET: "the other side has closed the connection",
    errno.ETIMEDOUT: "there was no answer in time",
    errno.EHOSTUNREACH: "that machine cannot be reached",
    errno.ENETUNREACH: "that network cannot be reached",
    errno.EADDRINUSE: "another program listens there already",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}
if hasattr(errno, "EDQUOT"):  # not on every Windows
    _REASONS[errno.EDQUOT] = "your share of the disk is used up"
_IN_USE = {32, 33}  # of Windows: a sharing or locking violation, which it calls "no permission"


def reason_of(error: BaseException) -> str:
    """Return why something of the system failed, without its name and number; what is not known is told as it is.

    An error that this program has raised in its own words keeps them.
    """
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "it holds characters that no file can hold"
    if not isinstance(error, OSError):
        nul = isinstance(error, ValueError) and "null " in str(error)
        return "its name holds a NUL character" if nul else str(error)
    if getattr(error, "winerror", None) in _IN_USE:
        return _REASONS[errno.EBUSY]
    known = _REASONS.get(error.errno or 0)
    own = error.strerror and error.errno and error.strerror != os.strerror(error.errno)
    if known is not None and (not own or getattr(error, "winerror", None)):
        return known
    return error.strerror or str(error)
