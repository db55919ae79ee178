#!/usr/bin/env bash
# Puts every image of the corpora into four registries, asks `countersign verify` for each case of
# corpora/cases.json, copies every image from each registry to each other, and asks again: the verdicts
# must be those of the cases, and what is there must be what the layout holds. Offline; nothing outlives
# the run. `make registries` builds what is absent and calls this.
#
#   BIN=dir COUNTERSIGN=file LOOPBACK_REGISTRY=file [REPORT=docs/interop.md] ./registries.sh
#
# COPY=raw copies by hand where the command could. KEEP=1 keeps the directory of the run.
# Ends with `N passed, N failed`, and fails if any failed.
set -euo pipefail
cd "$(dirname "$0")"
: "${BIN:?run make registries}" "${COUNTERSIGN:?run make registries}" "${LOOPBACK_REGISTRY:?run make registries}"
for program in "$COUNTERSIGN" "$LOOPBACK_REGISTRY"; do
    [ -x "$program" ] || { echo "registries: no $program: run make registries" >&2; exit 1; }
done
CORPORA=$(cd ../corpora && pwd)
WORK=$(mktemp -d)
cp "$COUNTERSIGN" "$WORK/countersign" # one binary for the whole run, whatever is built meanwhile
COUNTERSIGN="$WORK/countersign"
STARTED=$SECONDS
passed=0
failed=0
finish() {
    local code=$?
    trap - EXIT
    stop_all
    [ -n "${KEEP:-}" ] && echo "kept: $WORK" || rm -rf "$WORK"
    exit "$code"
}
source ./lib.sh
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What copies: the command, once it can, and until then a program that copies every tag as it is.
if [ "${COPY:-}" != raw ] && "$COUNTERSIGN" copy --help >/dev/null 2>&1; then
    COPIER="countersign copy"
else
    COPIER="every tag by hand"
fi

# ---- one step each: `pass` or `miss` counts it

pass() { passed=$((passed + 1)) good=$((good + 1)); }

miss() { # what
    failed=$((failed + 1))
    echo "FAILED: $*"
}

copy() { # from, to: both with tag 1
    local from=$1 to=$2 code=0
    echo "\$ copy $from $to" >>"$LOG"
    if [ "$COPIER" = "countersign copy" ]; then
        timeout 60 "$COUNTERSIGN" copy --plain-http "$from:1" "$to:1" >>"$LOG" 2>&1 || code=$?
    else
        timeout 60 corpora copy "$from" "$to" >>"$LOG" 2>&1 || code=$?
    fi
    [ $code -eq 0 ] || { tail -n 2 "$LOG"; return 1; }
}

verdict() { # policy, now, reference
    local code=0
    timeout 60 "$COUNTERSIGN" verify --policy "$1" --now "$2" --plain-http --color never "$3" >"$WORK/said" 2>&1 || code=$?
    { echo "\$ countersign verify --policy $1 --now $2 $3"; cat "$WORK/said"; } >>"$LOG"
    case $code in
    0) echo allow ;; 1) echo deny ;; 2) echo undetermined ;; 3) echo "bad input" ;; *) echo "exit $code" ;;
    esac
}

# Copies every layout's repository from one place to another: GOOD of TOTAL hold what the layout does.
copy_all() { # what it is called, prefix of the sources, prefix of the targets
    local what=$1 from=$2 to=$3 name good=0
    for name in "${LAYOUTS[@]}"; do
        if ! copy "$from$name" "$to$name"; then
            miss "$what: $name cannot be copied"
        elif ! corpora snapshot "$to$name" >"$WORK/there" || ! diff "$WORK/snapshots/$name" "$WORK/there" >"$WORK/diff"; then
            miss "$what: $name is not what it was (<: lost, >: new)"
            head -n 5 "$WORK/diff"
        else
            pass
        fi
    done
    SAME="$good of ${#LAYOUTS[@]}"
}

verify_all() { # what it is called, prefix of the repositories: GOOD of TOTAL verdicts are as they must be
    local what=$1 at=$2 good=0 total=0 id layout tag now expected said
    while IFS=$'\t' read -r id layout tag now expected; do
        total=$((total + 1))
        said=$(verdict "$WORK/policies/$id.json" "$now" "$at$layout:$tag")
        if [ "$said" = "$expected" ]; then pass; else miss "$what: $id: $said, and must be $expected"; fi
    done <"$WORK/cases.tsv"
    AGREE="$good of $total"
}

# ---- the run

corpora cases "$CORPORA/cases.json" "$WORK/policies" >"$WORK/cases.tsv"
mkdir "$WORK/snapshots"
mapfile -t LAYOUTS < <(cut -f 2 "$WORK/cases.tsv" | sort -u)
for name in "${LAYOUTS[@]}"; do
    corpora snapshot "oci-layout:$CORPORA/layouts/$name" >"$WORK/snapshots/$name"
done

declare -A REGISTRY=() TITLE=(
    [tags]="go-containerregistry" [distribution]="distribution 3"
    [debian]="Debian's docker-registry" [loopback]="loopback-registry"
)
declare -A PROGRAM=([tags]=registry [distribution]=distribution [debian]=docker-registry [loopback]="$LOOPBACK_REGISTRY")
KINDS=()
for kind in tags distribution debian loopback; do
    command -v "${PROGRAM[$kind]}" >/dev/null || { echo "NOT RUN: ${TITLE[$kind]}, which is not here"; continue; }
    KINDS+=("$kind")
    "start_${kind}_registry"
    REGISTRY[$kind]=$ADDRESS
done

# A referrers API that answers at all says 200, whoever is asked for.
has_referrers() { # address
    local nobody
    nobody=sha256:$(printf '%064d' 0)
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$1/v2/a/referrers/$nobody")" = 200 ] && echo yes || echo no
}

echo "${#LAYOUTS[@]} images, $(wc -l <"$WORK/cases.tsv") cases; copied by: $COPIER"
for kind in "${KINDS[@]}"; do
    at=${REGISTRY[$kind]}
    copy_all "layout to $kind" "oci-layout:$CORPORA/layouts/" "$at/"
    verify_all "$kind" "$at/"
    printf '%-26s from layouts: %s the same, %s verdicts as they must be\n' "${TITLE[$kind]}" "$SAME" "$AGREE"
    echo "| ${TITLE[$kind]} | $(has_referrers "$at") | $SAME | $AGREE |" >>"$WORK/loaded.md"
done
for from in "${KINDS[@]}"; do
    for to in "${KINDS[@]}"; do
        [ "$from" != "$to" ] || continue
        at="${REGISTRY[$to]}/from-$from/"
        copy_all "$from to $to" "${REGISTRY[$from]}/" "$at"
        verify_all "$from to $to" "$at"
        printf '%-26s from %s: %s the same, %s verdicts as they must be\n' "${TITLE[$to]}" "${TITLE[$from]}" "$SAME" "$AGREE"
        echo "| ${TITLE[$from]} | ${TITLE[$to]} | $SAME | $AGREE |" >>"$WORK/copied.md"
    done
done

# ---- what came out

versions() {
    local kind
    for kind in "${KINDS[@]}"; do
        case $kind in
        tags | distribution) go version -m "$BIN/${PROGRAM[$kind]}" | awk '$1 == "mod" { print $2 " " $3 }' ;;
        debian) docker-registry --version | sed 's/^[^ ]* /docker-registry: /' ;;
        esac
    done
    "$LOOPBACK_REGISTRY" --version | sed 's/ /: /'
    "$COUNTERSIGN" --version | paste -sd ' ' | sed 's/^/countersign: /'
}

report() {
    echo "\`make registries\`, $(date -u +%FT%H:%MZ), took $((SECONDS - STARTED)) s: **$passed passed, $failed failed**."
    echo
    echo '```text'
    versions
    echo '```'
    echo
    echo "${#LAYOUTS[@]} images; copied by: $COPIER."
    echo
    echo "| registry | referrers API | images as in the layout | verdicts as they must be |"
    echo "|---|---|--:|--:|"
    cat "$WORK/loaded.md"
    echo
    echo "| copied from | to | images as in the layout | verdicts as they must be |"
    echo "|---|---|--:|--:|"
    cat "$WORK/copied.md"
}

versions
if [ -n "${REPORT:-}" ]; then
    report >"$WORK/report.md"
    put_between_marks registries "$WORK/report.md" "$REPORT"
fi
echo "took $((SECONDS - STARTED)) s"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
