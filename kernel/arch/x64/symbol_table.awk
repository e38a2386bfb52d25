# SPDX-License-Identifier: Apache-2.0
#
# From `nm -C -n` to the symbol table that backtrace.cc reads: a count, then for each function its offset from
# the image's start and its name's offset from the table's start, ascending; then the names.
BEGIN { count = 0; base = "" }
# awk's numbers are doubles: offsets are taken from the low 31 bits, which the image never exceeds.
function low(hex,    i, value) {
  value = 0
  for (i = length(hex) - 6; i <= length(hex); ++i) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
  return value
}
$3 == "image_start" { base = low($1) }
$2 ~ /^[tTwW]$/ && base != "" {
  name = $0
  sub(/^[0-9a-f]+ . /, "", name)
  gsub(/mokapot::/, "", name)
  gsub(/\(anonymous namespace\)::/, "", name)
  sub(/^(bool|void|int|long|unsigned long) /, "", name)  # what templates return
  sub(/ ?\(.*/, "", name)
  gsub(/["\\]/, "", name)
  if (name == "" || name ~ /^(text_start|text_end|rodata_start|image_start)$/) next
  offset = low($1) - base
  if (count > 0 && offset == offsets[count - 1]) next
  offsets[count] = offset
  names[count++] = substr(name, 1, 100)
}
END {
  print ".section .symbol_table, \"a\""
  print ".balign 8"
  print "table: .long " count ", 0"
  for (i = 0; i < count; ++i) print ".long " offsets[i] ", name" i " - table"
  for (i = 0; i < count; ++i) print "name" i ": .asciz \"" names[i] "\""
}
