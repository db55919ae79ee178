#!/usr/bin/env bash
# Verifies really signed images, one allowed and one refused a family, at the time they were made.
set -euo pipefail
countersign=$1
now=2026-11-21T03:00:00Z
wrong=0
shown=0

show() { # title, policy, layout, expected exit code
    echo
    echo "── $1"
    echo "\$ countersign verify --policy examples/policies/$2.yaml oci-layout:corpora/layouts/$3:1"
    local code=0
    "$countersign" verify --policy "examples/policies/$2.yaml" --now "$now" \
        "oci-layout:corpora/layouts/$3:1" 2>/dev/null || code=$?
    shown=$((shown + 1))
    if [ "$code" -ne "$4" ]; then
        echo "expected exit code $4, got $code" >&2
        wrong=$((wrong + 1))
    fi
}

show "Cosign, key, legacy tag: allowed" cosign-key a-cosign-p256 0
show "Cosign, key, legacy tag: signed with another key" cosign-key a-wrongkey 1
show "Cosign, key, Sigstore bundle: allowed" cosign-key b-sc 0
show "Cosign, key, Sigstore bundle: an attestation is not a signature" cosign-key b-attonly 1
show "Cosign, own CA: allowed" cosign-own-ca a-ca 0
show "Cosign, own CA: no certificate" cosign-own-ca a-cosign-p256 1
show "Attestations: allowed" cosign-attestation b-sc 0
show "Attestations: none of that type" cosign-attestation b-rsa2048 1
show "Two signers: allowed" two-signers a-two 0
show "Two signers: only one" two-signers a-cosign-p256 1
show "Notation, JWS: allowed" notation d-p256-jws 0
show "Notation, JWS: another identity" notation d-rsa2048-jws 1
show "Notation, COSE: allowed" notation d-p256-cose 0
show "Notation, COSE: the signature has expired" notation d-expired-cose 1
show "Keyless, with log and timestamp: allowed" keyless-own-root c-mock-rekor2 0
show "Keyless: no log has an entry" keyless-own-root c-mock-rekor0 1
show "A key and a timestamp: allowed" timestamp b-tsa 0
show "A key and a timestamp: no timestamp" timestamp b-sc 1
show "Either family: allowed by Notation" either d-both 0
show "Either family: unsigned" either a-unsigned 1

# A file and its bundle: here the manifest of an image, which is what its bundle signs.
blobs=corpora/layouts/c-mock-rekor2/blobs/sha256
file=$blobs/4e01cb3c15d917679712c818fb9351dd19615478a77953b573858a3e4e8a932e
bundle=$blobs/1ef1b0b80e6ca7ec9bf3522b4b2aed714720e8a5ccad21292608c2880b4cb9ca
release=https://github.com/acme/app/.github/workflows/release.yml@refs/heads

show_blob() { # title, branch, expected exit code
    echo
    echo "── $1"
    echo "\$ countersign verify-blob --bundle BUNDLE --trusted-root ROOT --certificate-identity …@refs/heads/$2 \\"
    echo "      --certificate-oidc-issuer https://token.actions.githubusercontent.com FILE"
    local code=0
    "$countersign" verify-blob --bundle "$bundle" --now "$now" \
        --trusted-root corpora/trust/mock_trusted_root.json \
        --certificate-identity "$release/$2" \
        --certificate-oidc-issuer https://token.actions.githubusercontent.com \
        "$file" 2>/dev/null || code=$?
    shown=$((shown + 1))
    if [ "$code" -ne "$3" ]; then
        echo "expected exit code $3, got $code" >&2
        wrong=$((wrong + 1))
    fi
}

show_blob "A file and its bundle: allowed" main 0
show_blob "A file and its bundle: another branch" other 1

echo
if [ "$wrong" -ne 0 ]; then
    echo "demo: $wrong of $shown verdicts are not as expected" >&2
    exit 1
fi
echo "demo: $shown verdicts, all as expected"
