#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# stage.sh TREE MOKA KERNEL THIRD_PARTY: lays out in TREE what lies below a prefix when moka is
# installed. moka finds its kernel relative to itself (run/kernel_file.cc), so TREE works anywhere.
set -euo pipefail
tree=$1 moka=$2 kernel=$3 third_party=$4
here=$(dirname "$0")

rm -rf "$tree"
install -d "$tree"/{bin,lib/mokapot,share/man/man1,share/doc/mokapot} \
  "$tree"/share/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}

strip -o "$tree/bin/moka" "$moka"
install -m 644 "$kernel" "$tree/lib/mokapot/mokapot-kernel.elf"

"$moka" completion bash > "$tree/share/bash-completion/completions/moka"
"$moka" completion zsh > "$tree/share/zsh/site-functions/_moka"
"$moka" completion fish > "$tree/share/fish/vendor_completions.d/moka.fish"

install -m 644 docs/man/moka.1 "$tree/share/man/man1/moka.1"
python3 "$here/man_pages.py" "$moka" "$tree/share/man/man1"
gzip -9n "$tree"/share/man/man1/*.1

install -m 644 README.md "$tree/share/doc/mokapot/README.md"
{
  printf 'Mokapot: Apache-2.0\n\n'
  cat LICENSE
  python3 "$here/../build/kernel_parts.py" --third-party "$third_party" --text
  # Templates of Boost and of nlohmann-json are compiled into both, zlib is linked into moka.
  for package in libboost-dev nlohmann-json3-dev zlib1g-dev libzycore-dev; do
    printf '\n==== %s\n\n' "$package"
    cat "/usr/share/doc/$package/copyright" 2> /dev/null || echo "see the package's own copyright file"
  done
} > "$tree/share/doc/mokapot/copyright"

chmod -R u=rwX,go=rX "$tree"
