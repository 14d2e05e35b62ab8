#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does tests/bench/regress notice that I/O has become dearer? See bench_regress.py.

exec /usr/bin/python3 "$(dirname "$0")/bench_regress.py"
