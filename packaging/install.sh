#!/bin/sh
# Installs the latest release of Glasshouse for the current user on Linux and macOS:
#
#   curl -LsSf https://github.com/glasshouse-ml/glasshouse/releases/latest/download/install.sh | sh
#
# GLASSHOUSE_RELEASE is the URL of the archives, GLASSHOUSE_BIN the installation folder [default: ~/.local/bin].
set -eu

release=${GLASSHOUSE_RELEASE:-https://github.com/glasshouse-ml/glasshouse/releases/latest/download}
place=${GLASSHOUSE_BIN:-$HOME/.local/bin}
place=${place%/}

stop() {
    echo "error: $*" >&2
    exit 1
}

# A function, so that a truncated download does nothing.
install() {
    case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
    Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
    Darwin-*) target=universal-apple-darwin ;;
    *) stop "there is no release for $(uname -s) on $(uname -m); build Glasshouse from source: $release" ;;
    esac
    archive=glasshouse-$target.tar.gz

    mkdir -p "$place" 2>/dev/null && [ -w "$place" ] ||
        stop "cannot write to $place; set GLASSHOUSE_BIN to a folder with write permission"
    work=$(mktemp -d "$place/.glasshouse.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM

    for file in "$archive" "$archive.sha256"; do
        curl --proto-default https --fail --silent --show-error --location --retry 3 --output "$work/$file" "$release/$file" ||
            stop "$file could not be downloaded; nothing was changed. Check the connection and run this again"
    done
    if command -v sha256sum >/dev/null; then sum=$(sha256sum "$work/$archive"); else sum=$(shasum -a 256 "$work/$archive"); fi
    [ "${sum%% *}" = "$(cut -d ' ' -f 1 "$work/$archive.sha256")" ] ||
        stop "$archive arrived damaged; nothing was changed. Run this again"
    tar -xozf "$work/$archive" -C "$work" || stop "$archive could not be unpacked; nothing was changed"
    program=$work/glasshouse-$target/glasshouse
    version=$("$program" --version 2>"$work/said") ||
        stop "the program does not run on this machine: $(head -n 1 "$work/said"). On Linux it needs glibc 2.28 or newer; nothing was changed"
    case $place in
    */bin) web=${place%/bin}/share/glasshouse/web ;;
    *) web=$place/glasshouse-web ;;
    esac
    mkdir -p "$(dirname "$web")" && rm -rf "$web.old" ||
        stop "cannot write to $(dirname "$web"); nothing was changed. Set GLASSHOUSE_BIN to another folder"
    # The program is moved last; it does not start with the page of another version.
    [ ! -e "$web" ] || mv "$web" "$web.old"
    mv "$work/glasshouse-$target/glasshouse-web" "$web"
    rm -rf "$web.old"
    mv -f "$work/glasshouse-$target/third-party-licenses" "$place/glasshouse-third-party-licenses"
    mv -f "$program" "$place/glasshouse"
    echo "$version was installed in $place"
    case ":$PATH:" in *":$place:"*) ;; *) echo "note: $place is not in PATH; add it, or run $place/glasshouse" ;; esac
}

install
