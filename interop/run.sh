#!/usr/bin/env bash
# Signs tiny images with the real tools, on registries that live on loopback for this run only, and holds
# our verdicts against what must come out and against what the tools say themselves. Offline; keys are
# fresh each time; nothing outlives the run. `make -C interop` installs the tools and calls this.
#
#   BIN=dir COUNTERSIGN=file [EXTRA="cosign-v2 distribution"] [REPORT=docs/interop.md] ./run.sh
#
# KEEP=1 keeps the directory of the run: keys, log, the policies of cases that failed.
# Ends with `N passed, N failed`, and fails if any failed.
set -euo pipefail
cd "$(dirname "$0")"
: "${BIN:?run make -C interop}" "${COUNTERSIGN:?run make -C interop}"
EXTRA=${EXTRA:-}
[ -x "$COUNTERSIGN" ] || { echo "interop: no $COUNTERSIGN: run make countersign" >&2; exit 1; }
WORK=$(mktemp -d)
cp "$COUNTERSIGN" "$WORK/countersign" # one binary for the whole run, whatever is built meanwhile
COUNTERSIGN="$WORK/countersign"
STARTED=$SECONDS
passed=0
failed=0
summarised=""
finish() {
    local code=$?
    trap - EXIT
    stop_all
    if [ -z "$summarised" ] && [ -f "$LOG" ]; then
        echo "interop: stopped early; the tools' last steps:" >&2
        tail -n 15 "$LOG" >&2
    fi
    [ -n "${KEEP:-}" ] || rm -rf "$WORK"
    exit "$code"
}
source ./lib.sh
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

TABLE="$WORK/table.md"
REQUESTS="$WORK/requests.md"
COSTS="$WORK/costs.md"

# ---- one case

ours() { # policy, reference: VERDICT and REASON
    local code=0 out
    out=$(timeout 60 "$COUNTERSIGN" verify --policy "$1" ${NOW:+--now "$NOW"} --plain-http --color never \
        "$2" 2>&1) || code=$?
    case $code in
    0) VERDICT=allow ;; 1) VERDICT=deny ;; 2) VERDICT=undetermined ;; 3) VERDICT="bad input" ;; *) VERDICT="exit $code" ;;
    esac
    REASON=""
    [ $code -eq 0 ] || REASON=$(grep -oE '\([A-Za-z]+\.[A-Za-z]+\)( at .*)?$' <<<"$out" | head -n 1 | sed 's/^(//; s/).*//') || true
    { echo "\$ countersign verify --policy $1 ${NOW:+--now $NOW} $2"; echo "$out"; } >>"$LOG"
}

row() { printf '%-15s %-64s %-12s %-12s %-12s %-8s %-7s %s\n' "$@"; }

given() { "$@" >"$WORK/policy.json"; } # the policy of the next checks

# What the tool itself must say: `same`; `accepts:WHY` or `refuses:WHY` for a known difference, which fails
# when it has become stale; `none:WHY` where it has nothing to say.
check() { # case, expected verdict, image (tag 1 and digest; only digest if it has one), tool's, tool's command
    local name=$1 expected=$2 image=$3 tools=$4 by_tag=- by_digest reason said="-" note="" good=yes
    shift 4
    if [[ $image == *@* ]]; then
        ours "$WORK/policy.json" "$image"
    else
        ours "$WORK/policy.json" "$image:1"
        by_tag=$VERDICT
        [ "$by_tag" = "$expected" ] || good=no
        ours "$WORK/policy.json" "$(at "$image")"
    fi
    by_digest=$VERDICT
    reason=$REASON
    [ "$by_digest" = "$expected" ] || good=no
    if [[ $tools != none:* ]]; then
        echo "\$ $*" >>"$LOG"
        said=accepts
        "$@" >>"$LOG" 2>&1 || said=refuses
    fi
    case $tools in
    same)
        if [ "$expected" = allow ]; then [ $said = accepts ] || good=no; else [ $said = refuses ] || good=no; fi
        ;;
    *) note=${tools#*:} ;;
    esac
    case $tools in
    accepts:*) [ $said = accepts ] || { good=no note="stale: $note"; } ;;
    refuses:*) [ $said = refuses ] || { good=no note="stale: $note"; } ;;
    esac
    if [ $good = yes ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        [ -z "${KEEP:-}" ] || cp "$WORK/policy.json" "$WORK/policies/failed-$failed.json"
    fi
    row "$KIND" "$name" "$expected" "$by_tag" "$by_digest" "$said" "$([ $good = yes ] && echo ok || echo FAILED)" \
        "$reason${note:+  [$note]}"
    printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$KIND" "$name" "$expected" "$by_tag" "$by_digest" \
        "${reason:--}" "$said" "$([ $good = yes ] || echo '**FAILED** ')$note" >>"$TABLE"
}

source ./cases.sh

# ---- the run

make_cosign_keys
make_ca acme
make_ca rival
make_predicates
make_notation_keys p256=p256 p384=p384 p521=p521 rsa2048=rsa2048 rsa3072=rsa3072 rsa4096=rsa4096 short=p256=60s

declare -A REGISTRY=()
KINDS=(tags referrers)
[[ " $EXTRA " != *" distribution "* ]] || KINDS+=(distribution)
for KIND in "${KINDS[@]}"; do
    "start_${KIND}_registry"
    REGISTRY[$KIND]=$ADDRESS
done

for KIND in "${KINDS[@]}"; do R=${REGISTRY[$KIND]} sign_what_expires; done
VALID_AT=$(date -u +%FT%TZ)
EXPIRED_AT=$((SECONDS + 62))

row registry case expected "by tag" "by digest" tool result "our reason"
for KIND in "${KINDS[@]}"; do
    R=${REGISTRY[$KIND]}
    cosign_keys
    cosign_annotations
    cosign_attestations
    cosign_own_ca
    cosign_images
    notation_signatures
    signed_referrers
    moved
    both_families
done
KIND=tags R=${REGISTRY[tags]} copies "${REGISTRY[referrers]}" referrers
KIND=referrers R=${REGISTRY[referrers]} copies "${REGISTRY[tags]}" tags
KIND=tags stopped start_tags_registry
KIND=referrers stopped start_referrers_registry
if [[ " $EXTRA " == *" cosign-v2 "* ]]; then
    for KIND in "${KINDS[@]}"; do R=${REGISTRY[$KIND]} cosign_v2; done
fi
while [ $SECONDS -lt $EXPIRED_AT ]; do sleep 1; done
for KIND in "${KINDS[@]}"; do R=${REGISTRY[$KIND]} notation_expired; done
requests
costs

# ---- what came out

versions() {
    local name
    for name in cosign cosign-v2 crane registry distribution; do
        case $name in
        cosign-v2 | distribution) [[ " $EXTRA " == *" $name "* ]] || { echo "$name: not run"; continue; } ;;
        esac
        go version -m "$BIN/$name" | awk -v n="$name" '$1 == "mod" { print n ": " $2 " " $3 }'
    done
    for name in notation oras ggcr-registry; do
        go version -m "$BIN/$name" | awk -v n="$name" '
            $1 == "dep" && $2 ~ /notation-go$|notation-core-go$|oras-go|go-containerregistry$/ { list = list ", " $2 " " $3 }
            END { print n " (in interop/cmd): " substr(list, 3) }'
    done
    openssl version | sed 's/^/openssl: /; s/ (Library.*//'
    "$COUNTERSIGN" --version | paste -sd ' ' | sed 's/^/countersign: /'
}

# Rows that differ only in the registry become one.
merged_table() {
    awk -F' [|] ' '{
        registry = substr($1, 3); rest = substr($0, length($1) + 4)
        if (!(rest in seen)) { order[++n] = rest; seen[rest] = registry } else seen[rest] = seen[rest] ", " registry
    } END { for (i = 1; i <= n; i++) print "| " seen[order[i]] " | " order[i] }' "$TABLE"
}

report() { # file: replaces what is between its two marks
    local out="$WORK/report.md"
    {
        echo "\`make interop${EXTRA:+ EXTRA=\"$EXTRA\"}\`, $(date -u +%FT%H:%MZ), took $((SECONDS - STARTED)) s:"
        echo "**$passed passed, $failed failed**."
        echo
        echo '```text'
        versions
        echo '```'
        echo
        echo "### Requests of one decision"
        echo
        echo "Requests, and bytes of the answers' bodies; ours without a cache of content (\`--no-cache\`)."
        echo
        echo "| signature | registry | image by | the tool | countersign |"
        echo "|---|---|---|--:|--:|"
        cat "$REQUESTS"
        echo
        echo "### What a process costs"
        echo
        echo "Medians of 15 runs of the whole command on loopback, by getrusage: user and system time, and the peak of"
        echo "resident memory. A ratio is ours by the tool's. Without a cache of content (\`--no-cache\`), which the tools do not have."
        echo
        echo "| signature | CPU, the tool | CPU, countersign | ratio | memory, the tool | memory, countersign | ratio |"
        echo "|---|--:|--:|--:|--:|--:|--:|"
        cat "$COSTS"
        echo
        echo "### Every case"
        echo
        echo "| registry | case | must be | by tag | by digest | our reason | the tool | why it differs, or is not asked |"
        echo "|---|---|---|---|---|---|---|---|"
        merged_table
    } >"$out"
    put_between_marks result "$out" "$1"
}

echo
echo "requests of one decision (bytes of the answers):"
{
    echo "| signature | registry | image by | the tool | countersign |"
    cat "$REQUESTS"
} | sed 's/^| //; s/ |$//' | awk -F' [|] ' '{ printf "%-22s %-16s %-10s %-16s %s\n", $1, $2, $3, $4, $5 }'
echo
echo "what a process costs (CPU and peak of memory; the tool, countersign, ratio):"
sed 's/^| //; s/ |$//' "$COSTS"
echo
versions
[ -z "${REPORT:-}" ] || report "$REPORT"
[ -z "${KEEP:-}" ] || echo "kept: $WORK"
echo "took $((SECONDS - STARTED)) s"
summarised=yes
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
