# SPDX-License-Identifier: MIT
# Sourced by the commands in tests/: sets $tests and makes sure that there is a Python. The rest is the job of tests/setup.
# shellcheck shell=sh disable=SC2034
tests=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if ! command -v python3 >/dev/null 2>&1; then
    echo "Installing python3" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 >/dev/null 2>&1 || {
        apt-get update >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 >/dev/null
    }
fi
