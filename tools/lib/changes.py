"""What has changed, and against which commit."""

import os
import subprocess

# A push often lands several commits. On main itself, those made in the four hours before the newest one are
# taken for one change.
WINDOW_SECONDS = 4 * 3600


def git(root, *arguments):
    """Output of a git command, or None if it fails."""
    done = subprocess.run(["git", "-C", root, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def base(root):
    """The commit to compare the tree with, or None if there is none: the tree is all new.

    $WAYPOST_BASE if set; on a branch, where it left origin/main; on main, the last commit before the window.
    """
    wanted = os.environ.get("WAYPOST_BASE")
    if wanted:
        commit = git(root, "rev-parse", "--verify", "--quiet", wanted + "^{commit}")
        if commit is None:
            raise SystemExit(f"WAYPOST_BASE={wanted} is not a commit of this repository")
        return commit
    head = git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if head is None:
        return None
    forked = git(root, "merge-base", "HEAD", "origin/main")
    if forked and forked != head:
        return forked
    log = git(root, "log", "--first-parent", "--format=%H %ct") or ""
    history = [line.split() for line in log.splitlines()]
    newest = int(history[0][1])
    for commit, seconds in history[1:]:
        if int(seconds) < newest - WINDOW_SECONDS:
            return commit
    return history[-1][0] if len(history) > 1 else None


def tree_files(root):
    """Every file git knows or would know, as paths from the root."""
    names = git(root, "ls-files", "--cached", "--others", "--exclude-standard") or ""
    return [name for name in names.splitlines() if os.path.isfile(os.path.join(root, name))]


def changed_files(root, commit):
    """Files that differ from `commit`, untracked ones too; all files if it is None."""
    if commit is None:
        return tree_files(root)
    changed = set((git(root, "diff", "--name-only", "--diff-filter=d", commit) or "").splitlines())
    changed |= set((git(root, "ls-files", "--others", "--exclude-standard") or "").splitlines())
    return sorted(name for name in changed if os.path.isfile(os.path.join(root, name)))


def latest_first(root, files):
    """Sorted by when each was last changed, the most recent first: edited files, then by last commit."""
    seconds = {}
    current = 0
    for line in (git(root, "log", "--format=@%ct", "--name-only", "-n", "300") or "").splitlines():
        if line.startswith("@"):
            current = int(line[1:])
        elif line:
            seconds.setdefault(line, current)
    for line in (git(root, "status", "--porcelain", "--untracked-files=all") or "").splitlines():
        name = line[2:].strip()
        if os.path.isfile(os.path.join(root, name)):
            seconds[name] = os.path.getmtime(os.path.join(root, name))
    return sorted(files, key=lambda name: (-seconds.get(name, 0), name))
