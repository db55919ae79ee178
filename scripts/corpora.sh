#!/usr/bin/env bash
# Makes a new corpus of really signed images, with the tools that `make interop` uses.
#
#   scripts/corpora.sh DIRECTORY
#
# DIRECTORY must not exist yet. Afterwards it has the form of corpora/:
#
#   layouts/NAME/    one OCI layout an image (tag 1), with everything that signs it: .sig and .att tags,
#                    the fallback tag of its referrers, the referrers
#   trust/           public keys and root certificates, made for this corpus; private keys are thrown away
#   cases.json       for each layout the cases that it was made for: id, reference (relative to
#                    DIRECTORY), now (when it was signed), expect, why, policy. A start: add what you are after
#
# Names: a-… Cosign legacy tags, b-… Sigstore bundles, d-… Notation. Needs Go and openssl; installs pinned
# tools into target/tools/go/bin when they are absent (minutes, once), then runs offline on loopback.
#
# To keep a layout: copy it into corpora/layouts, its cases into corpora/cases.json, the reason of each
# denial into tests/cases/reasons.tsv, and adapt the number of cases in tests/cases.rs.
# With the command built (`make countersign`), every case is tried: `N cases as expected, N not`.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 2; }
[ ! -e "$1" ] || { echo "corpora: $1 exists" >&2; exit 2; }
mkdir -p "$1/layouts" "$1/trust"
OUT=$(realpath "$1")
cd "$(dirname "$0")/.."
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
COUNTERSIGN=${COUNTERSIGN:-$TARGET/release/countersign}
BIN="$TARGET/tools/go/bin"
make -s -C interop tools
WORK=$(mktemp -d)
finish() {
    local code=$?
    trap - EXIT
    stop_all
    rm -rf "$WORK"
    exit "$code"
}
source interop/lib.sh
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

CASES="$WORK/cases"
mkdir -p "$CASES"
number=0

image() { # layout, options of crane: IMAGE
    NAME=$1
    IMAGE="$R/$1"
    push_image "$IMAGE" "${@:2}"
}

case_of() { # suffix of the id, expected verdict, why, policy function and its arguments: about NAME
    local suffix=$1 expect=$2 why=$3
    shift 3
    number=$((number + 1))
    {
        printf ' {\n  "id": "%s-%s",\n  "reference": "oci-layout:layouts/%s:1",\n  "now": "%s",\n' \
            "$NAME" "$suffix" "$NAME" "$(date -u +%FT%TZ)"
        printf '  "expect": "%s",\n  "why": "%s",\n  "policy": %s\n }' "$expect" "$why" "$("$@")"
    } >"$CASES/$(printf %04d $number)"
}

export_layout() { # the repository of NAME, once it is signed
    must oras export "$IMAGE" "$OUT/layouts/$NAME"
    rm -rf "$OUT/layouts/$NAME/ingest"
}

make_cosign_keys
make_ca acme
make_ca rival
make_predicates
make_notation_keys p256=p256 p384=p384 p521=p521 rsa2048=rsa2048 rsa3072=rsa3072 rsa4096=rsa4096
start_tags_registry
R=$ADDRESS

for format in legacy bundle; do
    prefix=$([ $format = legacy ] && echo a || echo b)
    for key in p256 p384 p521 rsa2048 rsa4096 ed25519; do
        image $prefix-$key
        cosign_sign $format $key "$IMAGE"
        case_of right-key allow "$format, signed with $key" key_policy $key
        case_of other-key deny "$format, signed with $key, checked with another of its kind" key_policy "${ANOTHER[$key]}"
        export_layout
    done

    image $prefix-annotations --oci-empty-base
    cosign_sign $format p256 "$IMAGE" -a env=prod -a team=core
    case_of match allow "signed annotations" key_policy p256 '{"env":"prod","team":"core"}'
    case_of mismatch deny "another value" key_policy p256 '{"env":"dev"}'
    export_layout

    image $prefix-attestations
    for type in slsaprovenance1 vuln cyclonedx; do
        cosign_attest $format p256 "$IMAGE" $type
        case_of $type allow "attestation $type" attestation_policy p256 $type
    done
    case_of other-key deny "attestation, checked with another key" attestation_policy other vuln
    case_of absent-type deny "no attestation of that type" attestation_policy p256 spdxjson
    case_of not-a-signature deny "an attestation is not a signature" key_policy p256
    export_layout

    image $prefix-ca
    # shellcheck disable=SC2046
    if [ $format = legacy ]; then
        cosign_attach_from_ca acme "$IMAGE"
    else
        cosign_sign bundle acme-signer "$IMAGE" $(ca_options acme)
    fi
    case_of right allow "own CA, intermediate beside the signature" ca_policy acme '{"subject":"signer@acme.test"}'
    case_of other-identity deny "own CA, another identity" ca_policy acme '{"subject":"other@acme.test"}'
    case_of other-root deny "own CA, another root" ca_policy rival '{"subject":"signer@acme.test"}'
    export_layout

    image $prefix-two
    cosign_sign $format other "$IMAGE"
    cosign_sign $format p256 "$IMAGE"
    two() { policy "" "$(key_authority a p256),$(key_authority b other)" '{"atLeast":2,"of":["a","b"]}'; }
    same() { policy "" "$(key_authority a p256),$(key_authority b p256)" '{"atLeast":2,"of":["a","b"]}'; }
    case_of two-signers allow "two distinct signers" two
    case_of same-signer deny "one signer counts once" same
    export_layout
done

for format in jws cose; do
    for leaf in p256 p384 p521 rsa2048 rsa3072 rsa4096; do
        image d-$leaf-$format --oci-empty-base
        notation_sign $format $leaf "$IMAGE"
        case_of identity allow "$format, $leaf" notation_policy notation "x509.subject: C=DE, ST=BE, O=acme, CN=signer $leaf"
        case_of other-identity deny "another identity" notation_policy notation "x509.subject: C=DE, ST=BE, O=acme, CN=other"
        case_of other-root deny "another root" notation_policy notation-other "*"
        export_layout
    done
    image d-metadata-$format
    notation_sign $format p256 "$IMAGE" -m build=123
    case_of match allow "signed user metadata" notation_policy notation "*" strict '{"build":"123"}'
    case_of mismatch deny "another value" notation_policy notation "*" strict '{"build":"124"}'
    export_layout
    image d-expiry-$format
    notation_sign $format p256 "$IMAGE" -expiry 1h
    case_of before allow "the signature has not expired" notation_policy notation "*"
    export_layout
done

image d-referrer --oci-empty-base
digest=$(oras attach "$(at "$IMAGE")" application/spdx+json "$WORK/spdx.json" application/spdx+json)
notation_sign jws p256 "$IMAGE@$digest"
require='{"attestation":{"artifactType":"application/spdx+json","signedBy":"signer"}}'
case_of signed allow "a referrer that is signed itself" notation_policy notation "*" strict "" "$require"
case_of not-a-signature deny "its signature is not the image's" notation_policy notation "*"
export_layout

image a-unsigned
case_of cosign deny "unsigned" key_policy p256
case_of notation deny "unsigned" notation_policy notation "*"
export_layout

{
    echo "["
    first=yes
    for one in "$CASES"/*; do
        [ $first = yes ] || printf ',\n'
        first=no
        cat "$one"
    done
    printf '\n]\n'
} >"$OUT/cases.json"
for key in "${!ANOTHER[@]}" "${ANOTHER[@]}"; do cp "$KEYS/$key.pub" "$OUT/trust/"; done
for ca in acme rival; do cp "$KEYS/$ca-root.pem" "$KEYS/$ca-intermediate.pem" "$OUT/trust/"; done
cp "$KEYS/notation/root.pem" "$OUT/trust/notation-root.pem"
cp "$KEYS/notation-other/root.pem" "$OUT/trust/notation-other-root.pem"
echo "$(find "$OUT/layouts" -mindepth 1 -maxdepth 1 | wc -l) layouts, $number cases: $OUT"

[ -x "$COUNTERSIGN" ] || { echo "not tried: no $COUNTERSIGN"; exit 0; }
wrong=0
for one in "$CASES"/*; do
    field() { sed -n "s/^  \"$1\": \"\\(.*\\)\",\$/\\1/p" "$one"; }
    sed -n 's/^  "policy": //p' "$one" >"$WORK/policy.json"
    code=0
    (cd "$OUT" && "$COUNTERSIGN" verify --policy "$WORK/policy.json" --now "$(field now)" "$(field reference)") \
        >"$WORK/out" 2>&1 || code=$?
    case $(field expect) in allow) right=0 ;; deny) right=1 ;; *) right=2 ;; esac
    [ $code -eq $right ] || { wrong=$((wrong + 1)); echo "$(field id): exit $code, expected $(field expect)"; cat "$WORK/out"; }
done
echo "$((number - wrong)) cases as expected, $wrong not"
[ $wrong -eq 0 ]
