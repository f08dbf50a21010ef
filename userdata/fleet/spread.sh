#!/bin/bash
# Waits before the trial of a release, so that not all machines change at once. One that does not serve
# yet has no time to lose.

set -euo pipefail

[[ ! -e ${ONEBOX_ROOT:-}/opt/onebox/current ]] || sleep "$(( RANDOM % 120 ))"
