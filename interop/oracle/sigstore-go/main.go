// What sigstore-go says to each case of a directory; cases and verdicts as the Rust oracle has them.
// A third column says whether the bodies of log entries are what the logs' own code writes.
package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/go-openapi/runtime"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortilespb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/protobuf/encoding/protojson"
)

type forever struct{ signature.Verifier }

func (forever) ValidAtTime(time.Time) bool { return true }

func key(pemBytes []byte) (root.TrustedMaterial, error) {
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	hash := crypto.SHA256
	if _, ok := public.(ed25519.PublicKey); ok {
		hash = crypto.SHA512
	}
	verifier, err := signature.LoadVerifier(public, hash)
	if err != nil {
		return nil, err
	}
	return root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return forever{verifier}, nil
	}), nil
}

func judge(dir string) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("panic: %v", what)
		}
	}()
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		return string(text)
	}
	trusted, err := root.NewTrustedRootFromPath(filepath.Join(dir, "trusted_root.json"))
	if err != nil {
		return err
	}
	b, err := bundle.LoadJSONFromPath(filepath.Join(dir, "bundle.json"))
	if err != nil {
		return err
	}
	ask := read("ask")
	options := []verify.VerifierOption{verify.WithObserverTimestamps(1)}
	if strings.Contains(ask, "timestamp") {
		options = append(options, verify.WithSignedTimestamps(1))
	}
	if !strings.Contains(ask, "no-tlog") {
		options = append(options, verify.WithTransparencyLog(1))
	}
	material := root.TrustedMaterialCollection{trusted}
	policy := []verify.PolicyOption{}
	if pemText := read("key.pub"); pemText != "" {
		k, err := key([]byte(pemText))
		if err != nil {
			return err
		}
		material = append(material, k)
		policy = append(policy, verify.WithKey())
	} else {
		if !strings.Contains(ask, "no-sct") {
			options = append(options, verify.WithSignedCertificateTimestamps(1))
		}
		identity, err := verify.NewShortCertificateIdentity(read("issuer"), "", read("identity"), "")
		if err != nil {
			return err
		}
		policy = append(policy, verify.WithCertificateIdentity(identity))
	}
	verifier, err := verify.NewVerifier(material, options...)
	if err != nil {
		return err
	}
	artifact := verify.WithArtifact(bytes.NewReader([]byte(read("artifact"))))
	_, err = verifier.Verify(b, verify.NewPolicy(artifact, policy...))
	return err
}

// bodies says whether every log entry's body is what its log writes: read by the log's own types and
// written again, it has the same bytes.
func bodies(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "bundle.json"))
	if err != nil {
		return err
	}
	var raw bundlepb.Bundle
	if err := protojson.Unmarshal(text, &raw); err != nil {
		return err
	}
	for _, entry := range raw.GetVerificationMaterial().GetTlogEntries() {
		again, err := rewrite(entry)
		if err != nil {
			return err
		}
		if !bytes.Equal(again, entry.GetCanonicalizedBody()) {
			return fmt.Errorf("%s is written differently: %s", entry.GetKindVersion(), again)
		}
	}
	return nil
}

func rewrite(entry *rekorpb.TransparencyLogEntry) ([]byte, error) {
	body := entry.GetCanonicalizedBody()
	kind := entry.GetKindVersion()
	if kind.GetVersion() == "0.0.2" && kind.GetKind() != "intoto" {
		var tiles rekortilespb.Entry
		if err := protojson.Unmarshal(body, &tiles); err != nil {
			return nil, err
		}
		text, err := protojson.Marshal(&tiles)
		if err != nil {
			return nil, err
		}
		return jsoncanonicalizer.Transform(text)
	}
	proposed, err := models.UnmarshalProposedEntry(bytes.NewReader(body), runtime.JSONConsumer())
	if err != nil {
		return nil, err
	}
	read, err := types.UnmarshalEntry(proposed)
	if err != nil {
		return nil, err
	}
	return types.CanonicalizeEntry(context.Background(), read)
}

func oneLine(err error) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, err.Error())
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sigstore-go DIRECTORY")
		os.Exit(3)
	}
	cases, err := os.ReadDir(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	for _, c := range cases {
		if !c.IsDir() {
			continue
		}
		verdict := "accept"
		if err := judge(filepath.Join(os.Args[1], c.Name())); err != nil {
			verdict = "refuse: " + oneLine(err)
		}
		body := "bodies as written"
		if err := bodies(filepath.Join(os.Args[1], c.Name())); err != nil {
			body = oneLine(err)
		}
		fmt.Printf("%s\t%s\t%s\n", c.Name(), verdict, body)
	}
}
