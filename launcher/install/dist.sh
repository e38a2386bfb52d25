#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# dist.sh TREE VERSION PACKAGES OUT: mokapot_VERSION_amd64.deb, mokapot-VERSION-linux-x86_64.tar.gz
# and SHA256SUMS in OUT. The same TREE gives the same bytes: names are sorted, owners are root, and
# times are SOURCE_DATE_EPOCH's.
set -euo pipefail
tree=$1 version=$2 packages=$3 out=$4
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1577836800} LC_ALL=C TZ=UTC

rm -rf "$out"
mkdir -p "$out"
work=$(mktemp -d "$out/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# --- The archive: unpacked anywhere, it runs there -------------------------------------------------
name=mokapot-$version
mkdir "$work/$name"
cp -r "$tree/." "$work/$name"
chmod -R u=rwX,go=rX "$work/$name"
tar --create --directory="$work" --sort=name --owner=root:0 --group=root:0 --numeric-owner \
  --mtime="@$SOURCE_DATE_EPOCH" --format=ustar "$name" | gzip -9n > "$out/$name-linux-x86_64.tar.gz"

# --- The Debian package ------------------------------------------------------------------------------
root=$work/deb
mkdir -p "$root/DEBIAN" "$root/usr"
cp -r "$tree/." "$root/usr"
chmod -R u=rwX,go=rX "$root"

# The C library's newest symbol version that moka asks for.
libc=$(objdump -T "$root/usr/bin/moka" | sed -n 's/.*GLIBC_\([0-9][0-9.]*\).*/\1/p' | sort -V | tail -n 1)
# What only the compiler needs is named -dev.
needs=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' -e '/-dev$/d' "$packages" | sort -u | paste -sd, | sed 's/,/, /g')
size=$(find "$root/usr" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
cat > "$root/DEBIAN/control" << END
Package: mokapot
Version: $version
Architecture: amd64
Maintainer: The Mokapot authors <mokapot@localhost>
Section: java
Priority: optional
Installed-Size: $size
Depends: libc6 (>= $libc), coreutils, $needs
Recommends: openjdk-17-jdk-headless | java17-sdk-headless
Suggests: ovmf
Description: runs Java applications as virtual machines
 moka run app.jar starts a virtual machine that runs the jar on a stock OpenJDK, with a kernel made
 for it; moka build app.jar -o app.qcow2 makes an image that boots by itself.
END
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN"/*
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group --uniform-compression -Zxz --build "$root" "$out/mokapot_${version}_amd64.deb" > /dev/null

(cd "$out" && sha256sum -- *.deb *.tar.gz > SHA256SUMS && cat SHA256SUMS)
