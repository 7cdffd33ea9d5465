"""Several calls in one process, so that a script's packages are loaded once: their arguments are divided by `--and`."""

import itertools
import sys


def each(main):
    """Calls `main` with each list of arguments, until one returns a problem."""
    divided = itertools.groupby(sys.argv[1:], "--and".__eq__)
    for arguments in [list(words) for divider, words in divided if not divider] or [[]]:
        problem = main(arguments)
        if problem:
            sys.exit(problem)
