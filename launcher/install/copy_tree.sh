#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# copy_tree.sh install TREE PLACE:    each file of TREE to its name below PLACE.
# copy_tree.sh uninstall TREE PLACE:  those files go, with the folders that are named for us.
set -euo pipefail
what=$1 tree=$2 place=$3

find "$tree" -type f -printf '%P\n' | sort | while read -r name; do
  if [ "$what" = uninstall ]; then
    rm -f "$place/$name"
    continue
  fi
  mode=644
  [ ! -x "$tree/$name" ] || mode=755
  # install removes the old file first, so a moka that runs keeps the one that it has.
  install -D -m "$mode" "$tree/$name" "$place/$name"
done
if [ "$what" = uninstall ]; then
  rmdir "$place/lib/mokapot" "$place/share/doc/mokapot" 2> /dev/null || true
fi
