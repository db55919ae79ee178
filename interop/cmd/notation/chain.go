package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const backdated = time.Hour

// issue writes root.pem and, for each leaf, NAME.key and NAME.chain.pem (leaf, intermediate, root).
// A leaf is NAME=KIND or NAME=KIND=LIFETIME; kinds are p256, p384, p521, rsa2048, rsa3072, rsa4096.
func issue(directory string, leaves []string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	rootKey, err := newKey("rsa3072")
	if err != nil {
		return err
	}
	root, err := certify(authority("root", 1), nil, rootKey, rootKey)
	if err != nil {
		return err
	}
	middleKey, err := newKey("p384")
	if err != nil {
		return err
	}
	middle, err := certify(authority("intermediate", 0), root, middleKey, rootKey)
	if err != nil {
		return err
	}
	if err := write(directory, "root.pem", certificates(root)); err != nil {
		return err
	}
	for _, leaf := range leaves {
		fields := strings.Split(leaf, "=")
		if len(fields) < 2 {
			return fmt.Errorf("leaf `%s` is not NAME=KIND", leaf)
		}
		lifetime := 24 * time.Hour
		if len(fields) > 2 {
			if lifetime, err = time.ParseDuration(fields[2]); err != nil {
				return err
			}
		}
		key, err := newKey(fields[1])
		if err != nil {
			return err
		}
		template := certificate("signer " + fields[0])
		template.NotAfter = time.Now().Add(lifetime)
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		signed, err := certify(template, middle, key, middleKey)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := write(directory, fields[0]+".key", private); err != nil {
			return err
		}
		if err := write(directory, fields[0]+".chain.pem", certificates(signed, middle, root)); err != nil {
			return err
		}
	}
	return nil
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	case "rsa4096":
		return rsa.GenerateKey(rand.Reader, 4096)
	}
	return nil, fmt.Errorf("unknown kind of key `%s`", kind)
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{
			Country:      []string{"DE"},
			Province:     []string{"BE"},
			Organization: []string{"acme"},
			CommonName:   name,
		},
		NotBefore:             time.Now().Add(-backdated),
		NotAfter:              time.Now().Add(48 * time.Hour),
		BasicConstraintsValid: true,
	}
}

func authority(name string, below int) *x509.Certificate {
	template := certificate(name)
	template.IsCA = true
	template.MaxPathLen = below
	template.MaxPathLenZero = below == 0
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return template
}

func certify(template, issuer *x509.Certificate, subject, signer crypto.Signer) (*x509.Certificate, error) {
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, subject.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func certificates(chain ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, one := range chain {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: one.Raw})
	}
	return out.Bytes()
}

func write(directory, name string, content []byte) error {
	return os.WriteFile(filepath.Join(directory, name), content, 0o600)
}
