"""`python -m sim`: the door."""

import atexit
import os
import sys

if __name__ == "__main__":
    try:
        from sim.cli import main

        code = main()
    except KeyboardInterrupt:  # before the door was open
        code = 130
    if code in (2, 130, 143):
        atexit._run_exitfuncs()  # what others have left for the end: locks between processes, and temporary folders
        os._exit(code)  # Python would wait for threads that compute runs which nobody will ask for
    sys.exit(code)
