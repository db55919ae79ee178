# Sourced by run.sh, registries.sh and scripts/corpora.sh: keys, registries, images, signing with the real tools, and
# policies. Needs BIN (the tools) and WORK (an empty directory of ours); everything else is inside WORK.
# shellcheck shell=bash

export PATH="$BIN:$PATH"
export HOME="$WORK/home" DOCKER_CONFIG="$WORK/home/.docker" TMPDIR="$WORK/tmp"
export COSIGN_PASSWORD="" COSIGN_YES=1
# Whoever would leave the machine meets a closed door at once.
export HTTPS_PROXY=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1,localhost
export https_proxy=$HTTPS_PROXY http_proxy=$HTTP_PROXY no_proxy=$NO_PROXY
unset ALL_PROXY all_proxy
KEYS="$WORK/keys"
LOG="$WORK/log"
mkdir -p "$HOME" "$DOCKER_CONFIG" "$TMPDIR" "$KEYS" "$WORK/policies"

declare -A DIGEST=()  # of every image pushed, by REGISTRY/REPOSITORY
declare -a PROCESSES=()

die() { echo "interop: $*" >&2; exit 1; }

# A step that must succeed; its output is in the log.
must() {
    echo "\$ $*" >>"$LOG"
    timeout 60 "$@" >>"$LOG" 2>&1 || { tail -n 5 "$LOG" >&2; die "failed: $*"; }
}

stop_all() {
    local process
    for process in "${PROCESSES[@]}"; do kill "$process" 2>/dev/null || true; done
    for process in "${PROCESSES[@]}"; do wait "$process" 2>/dev/null || true; done
    PROCESSES=()
}

# ---- registries: each sets ADDRESS and PROCESS

start() { # log file, pattern with the port as its one group, command
    local out=$1 pattern=$2 line
    shift 2
    timeout 3600 "$@" >"$out" 2>&1 &
    PROCESS=$!
    PROCESSES+=("$PROCESS")
    for _ in $(seq 100); do
        line=$(grep -oE -m1 "$pattern" "$out" | grep -oE '[0-9]+$') && break
        kill -0 "$PROCESS" 2>/dev/null || { cat "$out" >&2; die "did not start: $*"; }
        sleep 0.1
    done
    [ -n "$line" ] || die "did not say its port: $*"
    ADDRESS="127.0.0.1:$line"
}

# go-containerregistry's own command: no referrers API, so fallback tags.
start_tags_registry() { start "$WORK/registry-tags.log" 'serving on port [0-9]+' registry -port 0; }

# The same code with its referrers API.
start_referrers_registry() {
    start "$WORK/registry-referrers.log" '127\.0\.0\.1:[0-9]+' ggcr-registry -referrers
}

distribution_config() { # name: NAME.yaml, with its content in the directory NAME
    cat >"$WORK/$1.yaml" <<Y
version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $WORK/$1 }, delete: { enabled: true } }
http: { addr: "127.0.0.1:0" }
Y
}

start_distribution_registry() {
    distribution_config distribution
    start "$WORK/registry-distribution.log" 'listening on 127\.0\.0\.1:[0-9]+' \
        distribution serve "$WORK/distribution.yaml"
}

# Debian's, which is distribution 2.
start_debian_registry() {
    distribution_config debian
    start "$WORK/registry-debian.log" 'listening on 127\.0\.0\.1:[0-9]+' \
        docker-registry serve "$WORK/debian.yaml"
}

# Ours: the referrers API as it should be, in small pages.
start_loopback_registry() {
    start "$WORK/registry-loopback.log" 'listening on 127\.0\.0\.1:[0-9]+' \
        "$LOOPBACK_REGISTRY" --page-size 2
}

# ---- images

push_image() { # REGISTRY/REPOSITORY [crane options]: tag 1
    local name=$1 directory="$WORK/image"
    shift
    mkdir -p "$directory"
    echo "$name" >"$directory/hello.txt"
    tar -cf "$WORK/layer.tar" -C "$directory" hello.txt
    must crane append --insecure "$@" -f "$WORK/layer.tar" -t "$name:1"
    remember "$name"
}

remember() { # REGISTRY/REPOSITORY
    DIGEST[$1]=$(timeout 60 crane digest --insecure "$1:1" 2>>"$LOG") || die "no digest: $1"
}

at() { echo "$1@${DIGEST[$1]}"; }

# ---- keys and certificates, fresh

make_key() { # name, options of openssl genpkey: NAME.pem (PKCS #8), NAME.key and NAME.pub of cosign
    local name=$1
    shift
    must openssl genpkey "$@" -out "$KEYS/$name.pem"
    (cd "$KEYS" && must cosign import-key-pair --key "$name.pem" --output-key-prefix "$name")
}

# Each key has one of its kind that has signed nothing of its images.
declare -A ANOTHER=([p256]=other [p384]=p384-other [p521]=p521-other [rsa2048]=rsa4096 [rsa4096]=rsa2048 [ed25519]=ed25519-other)

make_cosign_keys() {
    local curve name
    (cd "$KEYS" && must cosign generate-key-pair --output-key-prefix p256)
    (cd "$KEYS" && must cosign generate-key-pair --output-key-prefix other)
    for curve in 384 521; do
        for name in p$curve p$curve-other; do
            make_key $name -algorithm EC -pkeyopt ec_paramgen_curve:P-$curve -pkeyopt ec_param_enc:named_curve
        done
    done
    make_key rsa2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048
    make_key rsa4096 -algorithm RSA -pkeyopt rsa_keygen_bits:4096
    make_key ed25519 -algorithm ED25519
    make_key ed25519-other -algorithm ED25519
    must cosign signing-config create --out "$WORK/offline.json" # names no service
}

make_ca() { # prefix: PREFIX-root.pem, -chain.pem (intermediate, root), -leaf.pem, -leaf.key; -signer.key for cosign
    local ca="$KEYS/$1" one
    for one in root intermediate leaf; do
        must openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
            -pkeyopt ec_param_enc:named_curve -out "$ca-$one.key"
    done
    cat >"$ca.cnf" <<C
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = codeSigning
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectAltName = email:signer@acme.test
C
    must openssl req -x509 -new -config "$ca.cnf" -extensions root -key "$ca-root.key" -days 2 \
        -subj "/O=acme/CN=$1 root" -out "$ca-root.pem"
    must openssl req -new -config "$ca.cnf" -key "$ca-intermediate.key" \
        -subj "/O=acme/CN=$1 intermediate" -out "$ca-intermediate.csr"
    must openssl x509 -req -in "$ca-intermediate.csr" -CA "$ca-root.pem" -CAkey "$ca-root.key" \
        -set_serial 2 -days 2 -extfile "$ca.cnf" -extensions intermediate -out "$ca-intermediate.pem"
    must openssl req -new -config "$ca.cnf" -key "$ca-leaf.key" -subj "/O=acme/CN=$1 leaf" -out "$ca-leaf.csr"
    must openssl x509 -req -in "$ca-leaf.csr" -CA "$ca-intermediate.pem" -CAkey "$ca-intermediate.key" \
        -set_serial 3 -days 1 -extfile "$ca.cnf" -extensions leaf -out "$ca-leaf.pem"
    cat "$ca-intermediate.pem" "$ca-root.pem" >"$ca-chain.pem"
    (cd "$KEYS" && must cosign import-key-pair --key "$1-leaf.key" --output-key-prefix "$1-signer")
    must cosign trusted-root create --out "$ca-trusted-root.json" \
        --fulcio="url=https://ca.invalid,certificate-chain=$ca-chain.pem,start-time=2020-01-01T00:00:00Z"
}

make_notation_keys() { # leaves as the program has them
    must notation chain "$KEYS/notation" "$@"
    must notation chain "$KEYS/notation-other" p256=p256
}

make_predicates() {
    cat >"$WORK/slsaprovenance1.json" <<'J'
{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/acme/app","path":".github/workflows/release.yml"}},"internalParameters":{},"resolvedDependencies":[{"uri":"git+https://github.com/acme/app@refs/heads/main","digest":{"gitCommit":"0123456789abcdef0123456789abcdef01234567"}}]},"runDetails":{"builder":{"id":"https://ci.acme.test/builder"},"metadata":{"invocationId":"https://ci.acme.test/runs/1","startedOn":"2026-11-20T10:00:00Z","finishedOn":"2026-11-20T10:05:00Z"}}}
J
    cat >"$WORK/vuln.json" <<'J'
{"invocation":{"parameters":[],"uri":"https://ci.acme.test/1","event_id":"1","builder.id":"ci"},"scanner":{"uri":"pkg:github/aquasecurity/trivy@0.60.0","version":"0.60.0","db":{"uri":"","version":"2"},"result":{"SchemaVersion":2,"Results":[]}},"metadata":{"scanStartedOn":"2026-11-20T10:00:00Z","scanFinishedOn":"2026-11-20T10:01:00Z"}}
J
    cat >"$WORK/cyclonedx.json" <<'J'
{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,"metadata":{"timestamp":"2026-11-20T10:00:00Z","component":{"type":"container","name":"app"}},"components":[{"type":"library","name":"openssl","version":"3.0.13","purl":"pkg:deb/debian/openssl@3.0.13"}]}
J
    cat >"$WORK/spdx.json" <<'J'
{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"app","documentNamespace":"https://acme.test/spdx/app-1","creationInfo":{"created":"2026-11-20T10:00:00Z","creators":["Tool: interop"]},"packages":[]}
J
}

# ---- signing; formats are `legacy` (tags .sig and .att) and `bundle`

format_options() {
    case $1 in
    legacy) echo "--use-signing-config=false --tlog-upload=false --new-bundle-format=false" ;;
    bundle) echo "--signing-config $WORK/offline.json" ;;
    *) die "no such format: $1" ;;
    esac
}

cosign_sign() { # format, key, REGISTRY/REPOSITORY[@digest] [options]
    local format=$1 key=$2 image=$3
    shift 3
    [[ $image == *@* ]] || image=$(at "$image")
    # shellcheck disable=SC2046
    must cosign sign --key "$KEYS/$key.key" --allow-insecure-registry -y $(format_options "$format") "$@" "$image"
}

cosign_attest() { # format, key, REGISTRY/REPOSITORY, type [options]
    local format=$1 key=$2 image=$3 type=$4
    shift 4
    # shellcheck disable=SC2046
    must cosign attest --key "$KEYS/$key.key" --allow-insecure-registry -y $(format_options "$format") \
        --type "$type" --predicate "$WORK/$type.json" "$@" "$(at "$image")"
}

ca_options() { # prefix of make_ca, for cosign_sign and cosign_attest with the key PREFIX-signer
    echo "--certificate $KEYS/$1-leaf.pem --certificate-chain $KEYS/$1-chain.pem"
}

# cosign makes the payload, openssl signs it with a key that cosign never sees, cosign attaches it.
cosign_attach_from_ca() { # prefix of make_ca, REGISTRY/REPOSITORY
    local image
    image=$(at "$2")
    timeout 60 cosign generate --allow-insecure-registry "$image" >"$WORK/payload" 2>>"$LOG" || die "cosign generate"
    must openssl dgst -sha256 -sign "$KEYS/$1-leaf.key" -out "$WORK/payload.der" "$WORK/payload"
    openssl base64 -A -in "$WORK/payload.der" -out "$WORK/payload.sig"
    must cosign attach signature --payload "$WORK/payload" --signature "$WORK/payload.sig" \
        --certificate "$KEYS/$1-leaf.pem" --certificate-chain "$KEYS/$1-chain.pem" \
        --allow-insecure-registry "$image"
}

notation_sign() { # format (jws, cose), leaf, REGISTRY/REPOSITORY[@digest] [options]
    local format=$1 leaf=$2 image=$3
    shift 3
    [[ $image == *@* ]] || image=$(at "$image")
    must notation sign -format "$format" -key "$KEYS/notation/$leaf.key" \
        -chain "$KEYS/notation/$leaf.chain.pem" "$@" "$image"
}

# ---- policies, as JSON on standard output: a layout's case file embeds them

pem_json() { # file: a JSON string
    printf '"'
    awk '{ printf "%s\\n", $0 }' "$1"
    printf '"'
}

policy() { # trust (JSON members), authorities (JSON members), require (JSON)
    printf '{"apiVersion":"countersign.dev/v1","kind":"ImagePolicy","metadata":{"name":"interop"},"spec":{'
    printf '"trust":{%s},"authorities":{%s},"rules":[{"images":["**"],"require":%s}]}}\n' "$1" "$2" "$3"
}

key_authority() { # name, key [annotations as JSON]
    printf '"%s":{"cosign":{"keys":[%s]%s}}' "$1" "$(pem_json "$KEYS/$2.pub")" "${3:+,\"annotations\":$3}"
}

key_policy() { # key [annotations as JSON [require as JSON]]
    policy "" "$(key_authority signer "$1" "${2:-}")" "${3:-\"signer\"}"
}

attestation_policy() { # key, type
    key_policy "$1" "" '{"attestation":{"type":"'"$2"'","signedBy":"signer"}}'
}

ca_policy() { # prefix of make_ca, certificate as JSON [require as JSON]
    policy '"ca":{"x509":{"roots":['"$(pem_json "$KEYS/$1-root.pem")"']}}' \
        '"signer":{"cosign":{"trust":"ca","certificate":'"$2"'}}' "${3:-\"signer\"}"
}

notation_trust() { # directory of the chain
    printf '"notary":{"notation":{"ca":[%s]}}' "$(pem_json "$KEYS/$1/root.pem")"
}

notation_authority() { # name, identity [level [metadata as JSON]]
    printf '"%s":{"notation":{"trust":"notary","level":"%s","override":{"revocation":"skip"},"trustedIdentities":["%s"]%s}}' \
        "$1" "${3:-strict}" "$2" "${4:+,\"userMetadata\":$4}"
}

notation_policy() { # directory of the chain, identity [level [metadata as JSON [require as JSON]]]
    policy "$(notation_trust "$1")" "$(notation_authority signer "$2" "${3:-strict}" "${4:-}")" "${5:-\"signer\"}"
}

# ---- the report

put_between_marks() { # name of the marks, file with what comes between them, document
    awk -v out="$2" -v begin="<!-- $1: begin -->" -v end="<!-- $1: end -->" '
        $0 == end { inside = 0 }
        !inside { print }
        $0 == begin { inside = 1; while ((getline line < out) > 0) print line }
    ' "$3" >"$WORK/document.md"
    cat "$WORK/document.md" >"$3"
}
