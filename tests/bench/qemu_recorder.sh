#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Stands in for QEMU when moka starts it (MOKA_QEMU), notes under $MOKA_BENCH_RECORD what moka asked for,
# and becomes QEMU. So the harness knows QEMU's process, and the other guests get the same machine, the
# same disks and the same configuration without a list of their own.
set -e
if [ ! -e "$MOKA_BENCH_RECORD/arguments" ]; then
  previous=
  for word in "$@"; do
    if [ "$previous" = -initrd ]; then cat "$word" > "$MOKA_BENCH_RECORD/configuration"; fi
    previous=$word
  done
  printf '%s\0' "$@" > "$MOKA_BENCH_RECORD/arguments"
fi
# Time by instructions, two nanoseconds each: what the host does besides then makes no difference to the guest's figures.
if [ -n "$MOKA_BENCH_ICOUNT" ]; then
  for word in "$@"; do
    shift
    if [ "$word" = tcg,thread=multi ]; then word=tcg; fi
    set -- "$@" "$word"
  done
  set -- "$@" -icount shift=1,sleep=off
fi
# Written last and by renaming: whoever sees it sees it whole.
echo $$ > "$MOKA_BENCH_RECORD/process.new"
mv "$MOKA_BENCH_RECORD/process.new" "$MOKA_BENCH_RECORD/process"
exec "$MOKA_BENCH_QEMU" "$@" -qmp "unix:$MOKA_BENCH_RECORD/monitor,server=on,wait=off"
