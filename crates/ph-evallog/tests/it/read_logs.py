"""Reads every log in a folder with Inspect and prints what is in it as JSON; what Inspect refuses has only a path."""

import glob
import json
import os
import sys

from described import described
from inspect_ai.log import read_eval_log

found = []
for path in sorted(glob.glob(f"{sys.argv[1]}/**", recursive=True)):
    if os.path.isfile(path):
        try:
            found.append(described(path, read_eval_log(path, resolve_attachments=True)))
        except Exception:
            found.append({"path": path})
print(json.dumps(found))
