// Command notation signs and verifies with notation-go, as its own command does.
//
//	notation chain DIRECTORY NAME=KIND[=LIFETIME]…    root, intermediate and leaves, made now
//	notation sign -key F -chain F [-format jws|cose] [-expiry D] [-m K=V]… REF@DIGEST
//	notation verify -root F [-level L] [-identity I] [-m K=V]… REF@DIGEST
//
// Registries are spoken to in plain HTTP. Revocation is not checked.
package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: notation chain|sign|verify …")
	}
	var err error
	switch args := os.Args[2:]; os.Args[1] {
	case "chain":
		err = issue(args[0], args[1:])
	case "sign":
		err = sign(context.Background(), args)
	case "verify":
		err = verify(context.Background(), args)
	default:
		err = fmt.Errorf("unknown command `%s`", os.Args[1])
	}
	if err != nil {
		log.Fatal("Error: ", err)
	}
}

func sign(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("sign", flag.ExitOnError)
	key := flags.String("key", "", "private key, PKCS #8")
	chain := flags.String("chain", "", "certificates, leaf first, root last")
	format := flags.String("format", "jws", "jws or cose")
	expiry := flags.Duration("expiry", 0, "time until the signature expires")
	metadata := pairs{}
	flags.Var(metadata, "m", "user metadata K=V")
	_ = flags.Parse(args)

	mediaType, known := map[string]string{"jws": jws.MediaTypeEnvelope, "cose": cose.MediaTypeEnvelope}[*format]
	if !known {
		return fmt.Errorf("unknown format `%s`", *format)
	}
	local, err := signer.NewGenericSignerFromFiles(*key, *chain)
	if err != nil {
		return err
	}
	repository, err := open(flags.Arg(0))
	if err != nil {
		return err
	}
	_, err = notation.Sign(ctx, local, repository, notation.SignOptions{
		SignerSignOptions: notation.SignerSignOptions{
			SignatureMediaType: mediaType,
			ExpiryDuration:     *expiry,
			SigningAgent:       "countersign-interop",
		},
		ArtifactReference: flags.Arg(0),
		UserMetadata:      metadata,
	})
	return err
}

func verify(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("verify", flag.ExitOnError)
	root := flags.String("root", "", "trusted root certificate")
	level := flags.String("level", "strict", "strict, permissive or audit")
	identity := flags.String("identity", "*", "trusted identity")
	metadata := pairs{}
	flags.Var(metadata, "m", "user metadata K=V that must be there")
	_ = flags.Parse(args)

	store, err := newStore(*root)
	if err != nil {
		return err
	}
	policy := &trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{{
		Name:           "interop",
		RegistryScopes: []string{"*"},
		SignatureVerification: trustpolicy.SignatureVerification{
			VerificationLevel: *level,
			Override: map[trustpolicy.ValidationType]trustpolicy.ValidationAction{
				trustpolicy.TypeRevocation: trustpolicy.ActionSkip,
			},
		},
		TrustStores:       []string{"ca:interop"},
		TrustedIdentities: []string{*identity},
	}}}
	judge, err := verifier.New(policy, store, nil)
	if err != nil {
		return err
	}
	repository, err := open(flags.Arg(0))
	if err != nil {
		return err
	}
	found, outcomes, err := notation.Verify(ctx, judge, repository, notation.VerifyOptions{
		ArtifactReference:    flags.Arg(0),
		MaxSignatureAttempts: 50,
		UserMetadata:         metadata,
	})
	for _, outcome := range outcomes {
		for _, result := range outcome.VerificationResults {
			if result.Error != nil {
				log.Println(result.Type, result.Action, result.Error)
			}
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("verified", found.Digest)
	return nil
}

func open(ref string) (registry.Repository, error) {
	repository, err := remote.NewRepository(ref)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = true
	return registry.NewRepository(repository), nil
}

// store is a trust store with one root.
type store struct{ root *x509.Certificate }

func newStore(file string) (*store, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("the root is not PEM")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	return &store{root}, err
}

func (s *store) GetCertificates(context.Context, truststore.Type, string) ([]*x509.Certificate, error) {
	return []*x509.Certificate{s.root}, nil
}

// pairs collects K=V from repeated flags.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(pair string) error {
	key, value, found := strings.Cut(pair, "=")
	if !found {
		return fmt.Errorf("`%s` is not K=V", pair)
	}
	p[key] = value
	return nil
}
