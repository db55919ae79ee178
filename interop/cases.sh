# Sourced by run.sh: the cases of one registry, which is at $R and called $KIND, and the count of requests.
# shellcheck shell=bash

# ---- what the tools say

cosign_says() { # key, reference [options]
    local key=$1 reference=$2
    shift 2
    timeout 60 "${COSIGN:-cosign}" verify --key "$KEYS/$key.pub" --allow-insecure-registry --insecure-ignore-tlog=true "$@" "$reference"
}

cosign_attestation_says() { # key, reference, type [options]
    local key=$1 reference=$2 type=$3
    shift 3
    timeout 60 "${COSIGN:-cosign}" verify-attestation --key "$KEYS/$key.pub" --allow-insecure-registry \
        --insecure-ignore-tlog=true --type "$type" "$@" "$reference"
}

# `--ca-roots` is for legacy signatures, `--trusted-root` for bundles.
cosign_ca_says() { # prefix, reference, identity option, identity
    timeout 60 cosign verify --ca-roots "$KEYS/$1-root.pem" --ca-intermediates "$KEYS/$1-intermediate.pem" "$3" "$4" \
        --certificate-oidc-issuer-regexp '.*' --insecure-ignore-sct --allow-insecure-registry \
        --insecure-ignore-tlog=true "$2"
}

cosign_ca_bundle_says() { # prefix, reference, identity [options]; with --type it is about an attestation
    local prefix=$1 reference=$2 identity=$3 verify=verify
    shift 3
    [[ " $* " != *" --type "* ]] || verify=verify-attestation
    timeout 60 cosign $verify --trusted-root "$KEYS/$prefix-trusted-root.json" --certificate-identity "$identity" \
        --certificate-oidc-issuer-regexp '.*' --insecure-ignore-sct --allow-insecure-registry \
        --insecure-ignore-tlog=true "$@" "$reference"
}

notation_says() { # directory of the chain, reference [options]
    local directory=$1 reference=$2
    shift 2
    timeout 60 notation verify -root "$KEYS/$directory/root.pem" "$@" "$reference"
}

# ---- the cases of one registry, at $R, called $KIND

cosign_keys() {
    local format key image digest=() limit
    local ed25519="refuses:cosign signs Ed25519ph, and verifies pure Ed25519"
    local p384="refuses:cosign signs with SHA-384, and verifies with SHA-256 unless told"
    for format in legacy bundle; do
        for key in p256 p384 p521 rsa2048 rsa4096 ed25519; do
            image="$R/cosign-$format-$key"
            push_image "$image"
            cosign_sign "$format" "$key" "$image"
            limit=same digest=()
            case $key in
            p384) digest=(--signature-digest-algorithm sha384) ;;
            p521) digest=(--signature-digest-algorithm sha512) ;;
            ed25519) limit=$ed25519 ;;
            esac
            given key_policy "$key"
            check "cosign $format, key $key" allow "$image" "$limit" \
                cosign_says "$key" "$image:1" "${digest[@]}"
            given key_policy "${ANOTHER[$key]}"
            check "cosign $format, key $key: another of its kind" deny "$image" same \
                cosign_says "${ANOTHER[$key]}" "$image:1" "${digest[@]}"
        done
        given key_policy p256
        check "cosign $format, key rsa2048: a key of another kind" deny "$R/cosign-$format-rsa2048" same \
            cosign_says p256 "$R/cosign-$format-rsa2048:1"
        given key_policy p384
        check "cosign $format, key p384: the tool's default flags" allow "$R/cosign-$format-p384" \
            "$p384" cosign_says p384 "$R/cosign-$format-p384:1"
    done
}
cosign_annotations() {
    local format image
    for format in legacy bundle; do
        image="$R/cosign-$format-annotations"
        push_image "$image" --oci-empty-base
        cosign_sign "$format" p256 "$image" -a env=prod -a team=core
        given key_policy p256 '{"env":"prod","team":"core"}'
        check "cosign $format, annotations" allow "$image" same \
            cosign_says p256 "$image:1" -a env=prod -a team=core
        given key_policy p256 '{"env":"dev"}'
        check "cosign $format, annotations: another value" deny "$image" same \
            cosign_says p256 "$image:1" -a env=dev
        given key_policy p256 '{"region":"eu"}'
        check "cosign $format, annotations: not there" deny "$image" same \
            cosign_says p256 "$image:1" -a region=eu
    done
}

cosign_attestations() {
    local format image type limit
    for format in legacy bundle; do
        image="$R/cosign-$format-attestations"
        push_image "$image"
        for type in slsaprovenance1 vuln cyclonedx; do cosign_attest "$format" p256 "$image" "$type"; done
        for type in slsaprovenance1 vuln cyclonedx; do
            given attestation_policy p256 "$type"
            check "cosign $format, attestation $type" allow "$image" same \
                cosign_attestation_says p256 "$image:1" "$type"
        done
        given attestation_policy other vuln
        check "cosign $format, attestation vuln: another key" deny "$image" same \
            cosign_attestation_says other "$image:1" vuln
        given attestation_policy p256 spdxjson
        check "cosign $format, attestation spdxjson: none of that type" deny "$image" same \
            cosign_attestation_says p256 "$image:1" spdxjson
        limit=same
        [ $format = legacy ] || limit="accepts:cosign takes an attestation for a signature"
        given key_policy p256
        check "cosign $format, attestations: no signature" deny "$image" "$limit" \
            cosign_says p256 "$image:1"
    done
    given attestation_policy p256 https://sigstore.dev/cosign/sign/v1
    check "cosign bundle, the type of signatures as an attestation" "bad input" "$R/cosign-bundle-p256" \
            "accepts:cosign takes a signature for an attestation" \
            cosign_attestation_says p256 "$R/cosign-bundle-p256:1" https://sigstore.dev/cosign/sign/v1
}

cosign_own_ca() {
    local image
    for image in "openssl and cosign attach" "cosign sign"; do
        cosign_own_ca_legacy "$image" "$R/cosign-ca-${image// /-}"
    done
    image="$R/cosign-ca-bundle"
    push_image "$image"
    # shellcheck disable=SC2046
    cosign_sign bundle acme-signer "$image" $(ca_options acme)
    # shellcheck disable=SC2046
    cosign_attest bundle acme-signer "$image" vuln $(ca_options acme)
    given ca_policy acme '{"subject":"signer@acme.test"}'
    check "cosign bundle, own CA" allow "$image" same \
        cosign_ca_bundle_says acme "$image:1" signer@acme.test --allow-certificate-chain
    check "cosign bundle, own CA: the tool's default flags" allow "$image" \
        "refuses:cosign puts a chain into a v0.3 bundle, and reads it only when told" \
        cosign_ca_bundle_says acme "$image:1" signer@acme.test
    given ca_policy acme '{"subject":"other@acme.test"}'
    check "cosign bundle, own CA: another identity" deny "$image" same \
        cosign_ca_bundle_says acme "$image:1" other@acme.test --allow-certificate-chain
    given ca_policy rival '{"subject":"signer@acme.test"}'
    check "cosign bundle, own CA: another root" deny "$image" same \
        cosign_ca_bundle_says rival "$image:1" signer@acme.test --allow-certificate-chain
    given ca_policy acme '{"subject":"signer@acme.test"}' '{"attestation":{"type":"vuln","signedBy":"signer"}}'
    check "cosign bundle, own CA, attestation vuln" allow "$image" same \
        cosign_ca_bundle_says acme "$image:1" signer@acme.test --allow-certificate-chain --type vuln
}

cosign_own_ca_legacy() { # how it is signed, image
    local how=$1 image=$2
    push_image "$image"
    # shellcheck disable=SC2046
    case $how in
    openssl*) cosign_attach_from_ca acme "$image" ;;
    *) cosign_sign legacy acme-signer "$image" $(ca_options acme) ;;
    esac
    given ca_policy acme '{"subject":"signer@acme.test"}'
    check "$how, legacy, own CA" allow "$image" same \
        cosign_ca_says acme "$image:1" --certificate-identity signer@acme.test
    given ca_policy acme '{"subject":"other@acme.test"}'
    check "$how, legacy, own CA: another identity" deny "$image" same \
        cosign_ca_says acme "$image:1" --certificate-identity other@acme.test
    given ca_policy acme '{"subjectRegExp":"[a-z]+@acme\\.test"}'
    check "$how, legacy, own CA, pattern" allow "$image" same \
        cosign_ca_says acme "$image:1" --certificate-identity-regexp '^[a-z]+@acme\.test$'
    given ca_policy acme '{"subjectRegExp":"igner@acme"}'
    check "$how, legacy, own CA, pattern: only a part of it" deny "$image" "accepts:cosign does not anchor patterns" \
        cosign_ca_says acme "$image:1" --certificate-identity-regexp 'igner@acme'
    given ca_policy rival '{"subject":"signer@acme.test"}'
    check "$how, legacy, own CA: another root" deny "$image" same \
        cosign_ca_says rival "$image:1" --certificate-identity signer@acme.test
    given key_policy p256
    check "$how, legacy, own CA: the policy wants a key" deny "$image" same cosign_says p256 "$image:1"
}

cosign_images() {
    local format image index child
    push_image "$R/unsigned"
    given key_policy p256
    check "cosign: unsigned" deny "$R/unsigned" same cosign_says p256 "$R/unsigned:1"
    given attestation_policy p256 vuln
    check "cosign: no attestation" deny "$R/unsigned" same \
        cosign_attestation_says p256 "$R/unsigned:1" vuln
    for format in legacy bundle; do
        image="$R/cosign-$format-two"
        push_image "$image"
        cosign_sign "$format" other "$image"
        given policy "" "$(key_authority a p256),$(key_authority b other)" '{"atLeast":2,"of":["a","b"]}'
        check "cosign $format, 2 of 2: one signer" deny "$image" "none:cosign has no thresholds"
        cosign_sign "$format" p256 "$image"
        given key_policy p256
        check "cosign $format, two signatures: one is ours" allow "$image" same \
            cosign_says p256 "$image:1"
        given policy "" "$(key_authority a p256),$(key_authority b other)" '{"atLeast":2,"of":["a","b"]}'
        check "cosign $format, 2 of 2: two signers" allow "$image" "none:cosign has no thresholds"

        index="$R/cosign-$format-index"
        push_image "$index" --oci-empty-base
        child=$(at "$index")
        must crane index append --insecure -m "$index:1" -t "$index:1"
        remember "$index"
        cosign_sign "$format" p256 "$index"
        given key_policy p256
        check "cosign $format, index" allow "$index" same cosign_says p256 "$index:1"
        given key_policy p256
        check "cosign $format, index: its child is not signed" deny "$child" same \
            cosign_says p256 "$child"
        cosign_sign "$format" p256 "$(at "$index")" -r
        given key_policy p256
        check "cosign $format, index, recursive: its child" allow "$child" same \
            cosign_says p256 "$child"
    done
}

notation_signatures() {
    local format leaf image name='C=DE, ST=BE, O=acme'
    for format in jws cose; do
        for leaf in p256 p384 p521 rsa2048 rsa3072 rsa4096; do
            image="$R/notation-$format-$leaf"
            push_image "$image" --oci-empty-base
            notation_sign $format $leaf "$image"
            given notation_policy notation "x509.subject: $name, CN=signer $leaf"
            check "notation $format, $leaf" allow "$image" same \
                    notation_says notation "$(at "$image")" -identity "x509.subject: $name, CN=signer $leaf"
        done
        image="$R/notation-$format-p256"
        given notation_policy notation "x509.subject: $name, CN=signer other"
        check "notation $format: another identity" deny "$image" same \
                notation_says notation "$(at "$image")" -identity "x509.subject: $name, CN=signer other"
        given notation_policy notation-other "*"
        check "notation $format: another root" deny "$image" same \
            notation_says notation-other "$(at "$image")"
        given notation_policy notation-other "*" audit
        check "notation $format: another root, level audit" allow "$image" same \
            notation_says notation-other "$(at "$image")" -level audit
        given key_policy p256
        check "notation $format: the policy wants cosign" deny "$image" same \
            cosign_says p256 "$image:1"

        image="$R/notation-$format-metadata"
        push_image "$image"
        notation_sign $format p256 "$image" -m build=123 -m env=prod
        given notation_policy notation "*" strict '{"build":"123"}'
        check "notation $format, metadata" allow "$image" same \
            notation_says notation "$(at "$image")" -m build=123
        given notation_policy notation "*" strict '{"build":"124"}'
        check "notation $format, metadata: another value" deny "$image" same \
            notation_says notation "$(at "$image")" -m build=124
        given notation_policy notation "*" strict '{"region":"eu"}'
        check "notation $format, metadata: not there" deny "$image" same \
            notation_says notation "$(at "$image")" -m region=eu

        image="$R/notation-$format-expiry"
        push_image "$image"
        notation_sign $format p256 "$image" -expiry 2h
        given notation_policy notation "*"
        check "notation $format, expiry in 2 h" allow "$image" same \
            notation_says notation "$(at "$image")"
        given notation_policy notation "*"
        NOW=$(date -u -d '+3 hours' +%FT%TZ) check "notation $format, expiry in 2 h: decided as of 3 h later" deny "$image" \
            "none:notation-go has no clock to set"
    done
    given notation_policy notation "*"
    check "notation: unsigned" deny "$R/unsigned" same \
        notation_says notation "$(at "$R/unsigned")"
}

# Signed first and judged last, when they have expired.
sign_what_expires() {
    local format
    for format in jws cose; do
        push_image "$R/notation-$format-expired"
        notation_sign $format p256 "$R/notation-$format-expired" -expiry 5s
        push_image "$R/notation-$format-short"
        notation_sign $format short "$R/notation-$format-short"
    done
}

notation_expired() {
    local format image
    for format in jws cose; do
        image="$R/notation-$format-expired"
        given notation_policy notation "*"
        check "notation $format: signature expired" deny "$image" same \
            notation_says notation "$(at "$image")"
        given notation_policy notation "*" permissive
        check "notation $format: signature expired, level permissive" allow "$image" same \
            notation_says notation "$(at "$image")" -level permissive
        image="$R/notation-$format-short"
        given notation_policy notation "*"
        NOW=$VALID_AT check "notation $format, short-lived certificate: as of when it was valid" \
            allow "$image" "none:notation-go has no clock to set"
        given notation_policy notation "*"
        check "notation $format: certificate expired" deny "$image" same \
            notation_says notation "$(at "$image")"
        given notation_policy notation "*" permissive
        check "notation $format: certificate expired, level permissive" allow "$image" same \
            notation_says notation "$(at "$image")" -level permissive
    done
}

signed_referrers() {
    local image="$R/referrer" type=application/spdx+json digest format require
    require='{"attestation":{"artifactType":"'$type'","signedBy":"signer"}}'
    push_image "$image" --oci-empty-base
    digest=$(oras attach "$(at "$image")" $type "$WORK/spdx.json" $type) || die "oras attach"
    given notation_policy notation "*" strict "" "$require"
    check "oras referrer: not signed" deny "$image" same \
        notation_says notation "$image@$digest"
    notation_sign cose p256 "$image@$digest"
    given notation_policy notation "*" strict "" "$require"
    check "oras referrer, signed with notation" allow "$image" same \
        notation_says notation "$image@$digest"
    given notation_policy notation-other "*" strict "" "$require"
    check "oras referrer, signed with notation: another root" deny "$image" same \
        notation_says notation-other "$image@$digest"
    given notation_policy notation "*"
    check "oras referrer: its signature is not the image's" deny "$image" same \
        notation_says notation "$(at "$image")"
}

# A good signature of one image, put where another one's would be.
moved() {
    local image format type
    for image in legacy bundle notation-jws notation-cose; do push_image "$R/moved-from-$image"; push_image "$R/moved-to-$image"; done
    image="$R/moved-to-legacy"
    cosign_sign legacy p256 "$R/moved-from-legacy"
    must crane copy --insecure "$R/moved-from-legacy:$(tag_of "$R/moved-from-legacy").sig" "$image:$(tag_of "$image").sig"
    given key_policy p256
    check "cosign legacy, another image's signature" deny "$image" same cosign_says p256 "$image:1"
    image="$R/moved-to-bundle"
    type=application/vnd.dev.sigstore.bundle.v0.3+json
    cosign_sign bundle p256 "$R/moved-from-bundle"
    attach_the_same "$R/moved-from-bundle" "$image" $type $type
    check "cosign bundle, another image's signature" deny "$image" same cosign_says p256 "$image:1"
    given notation_policy notation "*"
    for format in jws cose; do
        image="$R/moved-to-notation-$format"
        type=application/cose
        [ $format = cose ] || type=application/jose+json
        notation_sign $format p256 "$R/moved-from-notation-$format"
        attach_the_same "$R/moved-from-notation-$format" "$image" application/vnd.cncf.notary.signature $type
        check "notation $format, another image's signature" deny "$image" same notation_says notation "$(at "$image")"
    done
}

tag_of() { tr : - <<<"${DIGEST[$1]}"; }

attach_the_same() { # from, to, artifact type, media type
    local digest
    digest=$(oras referrers "$(at "$1")" 2>>"$LOG") || die "oras referrers"
    oras layer "$1@$digest" >"$WORK/envelope" 2>>"$LOG" || die "oras layer"
    must oras attach "$(at "$2")" "$3" "$WORK/envelope" "$4"
}

both_families() {
    local image="$R/both"
    push_image "$image"
    cosign_sign bundle p256 "$image"
    given policy "$(notation_trust notation)" "$(key_authority a p256),$(notation_authority b '*')" '{"all":["a","b"]}'
    check "cosign and notation: only cosign" deny "$image" "none:no tool verifies both"
    notation_sign jws p384 "$image"
    given policy "$(notation_trust notation)" "$(key_authority a p256),$(notation_authority b '*')" '{"atLeast":2,"of":["a","b"]}'
    check "cosign and notation: both" allow "$image" "none:no tool verifies both"
}

# What is left of signatures after a copy from $R to $1.
copies() {
    local to=$1 kind=$2 image
    push_image "$R/copied-legacy"
    cosign_sign legacy p256 "$R/copied-legacy"
    push_image "$R/copied-bundle" --oci-empty-base
    cosign_sign bundle p256 "$R/copied-bundle"
    push_image "$R/copied-notation" --oci-empty-base
    notation_sign jws p256 "$R/copied-notation"
    must oras copy "$R/copied-legacy:1" "$to/oras-legacy:1"
    must oras copy "$R/copied-bundle:1" "$to/oras-bundle:1"
    must oras copy "$R/copied-notation:1" "$to/oras-notation:1"
    must cosign copy --allow-insecure-registry -f "$R/copied-legacy:1" "$to/cosign-legacy:1"
    must cosign copy --allow-insecure-registry -f "$R/copied-bundle:1" "$to/cosign-bundle:1"
    for image in oras-legacy oras-bundle oras-notation cosign-legacy cosign-bundle; do remember "$to/$image"; done
    local KIND="$KIND to $kind"
    given key_policy p256
    check "oras copy of cosign legacy: the .sig tag stays behind" deny "$to/oras-legacy" same \
        cosign_says p256 "$to/oras-legacy:1"
    given key_policy p256
    check "oras copy of cosign bundle" allow "$to/oras-bundle" same \
        cosign_says p256 "$to/oras-bundle:1"
    given notation_policy notation "*"
    check "oras copy of notation" allow "$to/oras-notation" same \
        notation_says notation "$(at "$to/oras-notation")"
    given key_policy p256
    check "cosign copy of cosign legacy" allow "$to/cosign-legacy" same \
        cosign_says p256 "$to/cosign-legacy:1"
    given key_policy p256
    check "cosign copy of cosign bundle: the bundle is lost" deny "$to/cosign-bundle" same \
        cosign_says p256 "$to/cosign-bundle:1"
}

stopped() { # command that starts a registry
    local R KIND="stopped $KIND"
    "$1"
    R=$ADDRESS
    push_image "$R/legacy"
    cosign_sign legacy p256 "$R/legacy"
    push_image "$R/bundle"
    cosign_sign bundle p256 "$R/bundle"
    push_image "$R/notation"
    notation_sign jws p256 "$R/notation"
    kill "$PROCESS"
    wait "$PROCESS" 2>/dev/null || true
    given key_policy p256
    check "cosign legacy" undetermined "$R/legacy" same cosign_says p256 "$R/legacy:1"
    given key_policy p256
    check "cosign bundle" undetermined "$R/bundle" same cosign_says p256 "$R/bundle:1"
    given attestation_policy p256 vuln
    check "cosign attestation" undetermined "$R/bundle" same \
        cosign_attestation_says p256 "$R/bundle:1" vuln
    given notation_policy notation "*"
    check "notation" undetermined "$R/notation" same \
        notation_says notation "$(at "$R/notation")"
}

cosign_v2() {
    local COSIGN=cosign-v2 key image options=(--tlog-upload=false --allow-insecure-registry -y)
    local bundles=(--new-bundle-format --trusted-root "$WORK/empty-root.json") flags
    echo '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}' >"$WORK/empty-root.json"
    for key in p256 rsa2048 p384; do
        image="$R/cosign-v2-$key" flags=()
        [ $key != p384 ] || flags=(--signature-digest-algorithm sha384)
        push_image "$image"
        must cosign-v2 sign --key "$KEYS/$key.key" "${options[@]}" -a env=prod "$(at "$image")"
        must cosign-v2 attest --key "$KEYS/$key.key" "${options[@]}" --type vuln --predicate "$WORK/vuln.json" "$(at "$image")"
        given key_policy $key '{"env":"prod"}'
        check "cosign v2 legacy, key $key, annotations" allow "$image" same \
            cosign_says $key "$image:1" -a env=prod "${flags[@]}"
        given key_policy other
        check "cosign v2 legacy, key $key: another key" deny "$image" same cosign_says other "$image:1"
        given attestation_policy $key vuln
        check "cosign v2 legacy, key $key, attestation vuln" allow "$image" same \
            cosign_attestation_says $key "$image:1" vuln "${flags[@]}"
    done
    image="$R/cosign-v2-bundle"
    push_image "$image"
    must cosign-v2 sign --new-bundle-format --key "$KEYS/p256.key" "${options[@]}" "$(at "$image")"
    given key_policy p256
    check "cosign v2 bundle, key p256" allow "$image" same cosign_says p256 "$image:1" "${bundles[@]}"
    check "cosign v3 bundle, key p256, verified by cosign v2" allow "$R/cosign-bundle-p256" same \
        cosign_says p256 "$R/cosign-bundle-p256:1" "${bundles[@]}"
    given key_policy other
    check "cosign v2 bundle, key p256: another key" deny "$image" same cosign_says other "$image:1" "${bundles[@]}"
}

# ---- requests for one decision

count() { # log file, command: COUNT as `requests (kB)`
    local file=$1
    shift
    : >"$file"
    "$@" >>"$LOG" 2>&1 || die "while counting: $*"
    COUNT=$(awk '{ n++; b += $NF } END { printf "%d (%.1f kB)", n, b / 1000 }' "$file")
    { echo "requests of: $*"; cat "$file"; } >>"$LOG"
}

# What a whole process costs, the tool's and ours by turns on the same image: CPU and memory.
costs() {
    start "$WORK/registry-costs.log" '127\.0\.0\.1:[0-9]+' ggcr-registry -referrers
    local R=$ADDRESS image reference
    push_image "$R/legacy"
    cosign_sign legacy p256 "$R/legacy"
    push_image "$R/bundle"
    cosign_sign bundle p256 "$R/bundle"
    push_image "$R/notation"
    notation_sign jws p256 "$R/notation"
    key_policy p256 >"$WORK/key.json"
    notation_policy notation "*" >"$WORK/notation.json"
    for image in legacy bundle notation; do
        reference=$(at "$R/$image")
        case $image in
        legacy | bundle) cost "cosign $image, key" key "$reference" cosign verify --key "$KEYS/p256.pub" \
            --allow-insecure-registry --insecure-ignore-tlog=true "$reference" ;;
        notation) cost "notation jws" notation "$reference" \
            notation verify -root "$KEYS/notation/root.pem" "$reference" ;;
        esac
    done
}

cost() { # title, policy, reference, the tool's command
    local title=$1 policy=$2 reference=$3 theirs ours
    shift 3
    theirs=$("$BIN/cost" -- "$@" 2>>"$LOG") || die "cannot be measured: $*"
    ours=$("$BIN/cost" -- "$COUNTERSIGN" verify --no-cache --policy "$WORK/$policy.json" --plain-http "$reference" 2>>"$LOG") ||
        die "cannot be measured: countersign verify $reference"
    awk -v title="$title" -v theirs="$theirs" -v ours="$ours" 'BEGIN {
        split(theirs, t, " "); split(ours, o, " ")
        printf "| %s | %s ms | %s ms | %.2f | %s MiB | %s MiB | %.2f |\n", title, t[1], o[1], o[1] / t[1], t[2], o[2], o[2] / t[2]
    }' >>"$COSTS"
}

requests() {
    local kind flags file="$WORK/requests.log" image title says reference
    for kind in "fallback tags" "referrers API"; do
        flags=(-log "$file")
        [ "$kind" = "fallback tags" ] || flags+=(-referrers)
        start "$WORK/registry-counting-${#flags[@]}.log" '127\.0\.0\.1:[0-9]+' ggcr-registry "${flags[@]}"
        local R=$ADDRESS
        push_image "$R/legacy"
        cosign_sign legacy p256 "$R/legacy"
        push_image "$R/bundle"
        cosign_sign bundle p256 "$R/bundle"
        push_image "$R/notation"
        notation_sign jws p256 "$R/notation"
        key_policy p256 >"$WORK/key.json"
        notation_policy notation "*" >"$WORK/notation.json"
        for image in legacy bundle notation; do
            for reference in "$R/$image:1" "$(at "$R/$image")"; do
                if [ $image = notation ]; then
                    title="notation jws" policy_file="$WORK/notation.json"
                    says=(notation_says notation "$(at "$R/$image")")
                else
                    title="cosign $image, key" policy_file="$WORK/key.json"
                    says=(cosign_says p256 "$reference")
                fi
                if [ $image = notation ] && [[ $reference != *@* ]]; then
                    COUNT="-"
                else
                    count "$file" "${says[@]}"
                fi
                local theirs=$COUNT
                count "$file" timeout 60 "$COUNTERSIGN" verify --no-cache --policy "$policy_file" --plain-http "$reference"
                printf '| %s | %s | %s | %s | %s |\n' "$title" "$kind" \
                    "$([[ $reference == *@* ]] && echo digest || echo tag)" "$theirs" "$COUNT" >>"$REQUESTS"
            done
        done
    done
}
