#!/bin/sh
# Make a root file system out of busybox for the examples: scripts/rootfs.sh FOLDER
set -eu

folder=$1
[ -x "$folder/bin/sh" ] && exit 0

find_busybox() {
    for candidate in /bin/busybox /usr/bin/busybox "$(command -v busybox || true)"; do
        # Copied into an empty image, it finds no libraries there.
        if [ -x "$candidate" ] && ! ldd "$candidate" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! find_busybox >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "the examples need a static busybox: as root, run: apt-get install busybox-static" >&2
        exit 1
    fi
    echo "installing busybox-static"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update </dev/null >/dev/null
    apt-get -qq install -y --no-install-recommends busybox-static </dev/null >/dev/null
fi

busybox=$(find_busybox)
new=$folder.new
rm -rf "$new"
mkdir -p "$new/bin" "$new/etc" "$new/tmp"
cp "$busybox" "$new/bin/busybox"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$new/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$new/etc/passwd"
rm -rf "$folder"
mv "$new" "$folder"
