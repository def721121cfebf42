#!/bin/sh
# Gives every global symbol of whisper's ggml a prefix of its own, in its archives and in libwhisper.a.
# Usage: isolate.sh NM OBJCOPY MAP_FILE LIBWHISPER GGML_ARCHIVE...
# Running it twice changes nothing: prefixed names are left alone.
set -eu
nm=$1 objcopy=$2 map=$3 whisper=$4
shift 4

"$nm" --defined-only --extern-only "$@" 2>/dev/null | awk -v prefix=whisper_private_ '
    # value, type, name; DW.ref* and names that begin with __ belong to the compiler.
    NF == 3 && $2 ~ /^[TDBRVWuSGC]$/ {
        name = $3
        if (name ~ /^DW\.ref/ || name ~ /^__/ || index(name, prefix) == 1) next
        print name, prefix name
        # A constructor or destructor sits in a COMDAT group whose own name ends in 5 instead of 0, 1 or 2;
        # left alone, the linker would fold the two groups into one.
        group = name
        if (gsub(/C[012]E/, "C5E", group)) print group, prefix group
        group = name
        if (gsub(/D[012]E/, "D5E", group)) print group, prefix group
    }' | sort -u >"$map.new"

if [ -s "$map.new" ]; then
    mv "$map.new" "$map"
    for archive in "$whisper" "$@"; do
        "$objcopy" --redefine-syms="$map" "$archive"
    done
else
    rm "$map.new"
fi
