#!/bin/sh
# Makes a base for the image out of Debian's packages, where images cannot be pulled: `sudo deploy/base.sh [NAME]`.
# Needs debootstrap and buildah. Debian 12 has Python 3.11, the version that `python:3.11-slim` has.
set -eu

name=${1:-localhost/fusionxpay-base}
for program in debootstrap buildah; do
    command -v "$program" > /dev/null || { echo "$program is needed" >&2; exit 1; }
done
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase --include=python3-venv,ca-certificates,tzdata bookworm "$root"
umount "$root/proc" "$root/sys" 2> /dev/null || true
# lists and archives of packages, which are as large as all else
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
container=$(buildah from scratch)
buildah add --quiet "$container" "$root" /
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit --quiet --rm "$container" "$name"
