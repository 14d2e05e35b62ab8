#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does the benchmark say of what fails that it misses its bounds? See bench_bounds.py.

exec /usr/bin/python3 "$(dirname "$0")/bench_bounds.py"
