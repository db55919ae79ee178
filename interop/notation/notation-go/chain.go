package main

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// Times are far from any day on which this runs: notation-go has the machine's clock.
var (
	now       = date("2026-11-21T03:00:00Z") // what countersign is told
	signedAt  = date("2026-06-01T00:00:00Z")
	validFrom = date("2020-01-01T00:00:00Z")
	validTo   = date("2119-01-01T00:00:00Z")
	longPast  = date("2023-01-01T00:00:00Z")
	future    = date("2110-01-01T00:00:00Z")
)

func date(text string) time.Time { return must(time.Parse(time.RFC3339, text)) }

// entity is who has a certificate.
type entity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func subject(name string) pkix.Name {
	return pkix.Name{
		Country: []string{"US"}, Province: []string{"WA"}, Locality: []string{"Seattle"},
		Organization: []string{"Notary"}, CommonName: name,
	}
}

// plan is how a chain is made: the leaf is number 0.
type plan struct {
	size int
	keys func(i int) crypto.Signer
	edit func(i int, template *x509.Certificate)
}

func defaultKey(i int) crypto.Signer { return p256(fmt.Sprintf("chain %d", i)) }

// chain makes certificates, leaf first, root last. A chain of one is a self-signed leaf.
func chain(p plan) []*entity {
	if p.keys == nil {
		p.keys = defaultKey
	}
	made := make([]*entity, p.size)
	for i := p.size - 1; i >= 0; i-- {
		template := leafTemplate()
		if i > 0 {
			template = authorityTemplate(fmt.Sprintf("Notation Test CA %d", i))
		}
		if i > 0 && i == p.size-1 {
			template.Subject = subject("Notation Test Root")
		}
		template.SerialNumber = big.NewInt(int64(100 + i))
		if p.edit != nil {
			p.edit(i, template)
		}
		var issuer *entity
		if i < p.size-1 {
			issuer = made[i+1]
		}
		made[i] = issue(template, p.keys(i), issuer)
	}
	return made
}

func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(100),
		Subject:      subject("Notation Test Leaf Cert"),
		NotBefore:    validFrom, NotAfter: validTo,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
}

func authorityTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      subject(name),
		NotBefore:    validFrom, NotAfter: validTo,
		IsCA: true, BasicConstraintsValid: true, MaxPathLen: -1,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// issue signs a certificate; without an issuer, itself.
func issue(template *x509.Certificate, key crypto.Signer, issuer *entity) *entity {
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der := must(x509.CreateCertificate(&salts{}, template, parent, key.Public(), signer))
	return &entity{must(x509.ParseCertificate(der)), key}
}

// extension replaces what crypto/x509 would write for this identifier.
func extension(template *x509.Certificate, id asn1.ObjectIdentifier, critical bool, value []byte) {
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
}

var (
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidFreshestCRL      = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidTimeStamping     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

// keyUsage is the extension's value: bits from the left, `digitalSignature` first.
func keyUsage(bits byte) []byte { return tlv(3, []byte{unused(bits), bits}) }

func unused(bits byte) byte {
	for n := byte(0); n < 8; n++ {
		if bits&(1<<n) != 0 {
			return n
		}
	}
	return 8
}

const (
	digitalSignature = 0x80
	keyCertSign      = 0x04
	crlSign          = 0x02
)

func certificates(made []*entity) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, one := range made {
		certs = append(certs, one.cert)
	}
	return certs
}

func root(made []*entity) *x509.Certificate { return made[len(made)-1].cert }

func pemOf(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}
