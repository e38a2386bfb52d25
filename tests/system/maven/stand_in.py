#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for moka: writes down how it was called, and makes images of one line."""

import json
import os
import sys

with open(os.environ["MOKA_STAND_IN_LOG"], "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\n")
if sys.argv[1] == "build":
    with open(sys.argv[sys.argv.index("-o") + 1], "w") as image:
        image.write("an image\n")
if sys.argv[1] == "check" and "MOKA_STAND_IN_SAYS" in os.environ:
    print(os.environ["MOKA_STAND_IN_SAYS"])
if "refuse" in sys.argv:
    print("moka: the stand-in refuses", file=sys.stderr)
    sys.exit(2)
