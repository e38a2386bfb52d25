#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# install_packages.sh LIST...: installs the Debian packages named in the lists that are missing, and
# says which. Silent and quick where none is. Not root: prints the command and fails.
set -euo pipefail

wanted=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$@" | sort -u)
command -v dpkg-query > /dev/null || exit 0  # not Debian: the compiler will say what it misses

# shellcheck disable=SC2086 # one word a package
present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2> /dev/null |
  sed -n 's/ installed$//p' | sort -u || true)
missing=$(comm -23 <(echo "$wanted") <(echo "$present") | tr '\n' ' ')
[ -n "${missing// /}" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "These packages are missing; install them as root and try again:" >&2
  echo "  apt-get install --no-install-recommends $missing" >&2
  exit 1
fi
echo "Installing what is missing: $missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } > "$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "apt-get could not install: $missing" >&2
  exit 1
fi
