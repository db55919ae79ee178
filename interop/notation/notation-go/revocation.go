package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

var (
	oidInvalidityDate  = asn1.ObjectIdentifier{2, 5, 29, 24}
	oidReasonCode      = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidCRLNumber       = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaIndicator  = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint    = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidAuthorityKeyID  = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidNoCheck         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidUnknown         = asn1.ObjectIdentifier{1, 2, 3}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// Evidence is of the day of signing, and holds for a century.
var (
	thisUpdate   = date("2026-06-01T00:00:00Z")
	revokedAt    = date("2026-07-01T00:00:00Z")
	beforeSigned = date("2026-05-01T00:00:00Z")
	afterSigned  = date("2026-08-01T00:00:00Z")
)

// response is what a responder says of the certificate `of`; the issuer signs it itself.
func response(of, issuer *entity, status int, edits ...func(*ocsp.Response)) []byte {
	template := ocsp.Response{
		Status: status, SerialNumber: of.cert.SerialNumber,
		ThisUpdate: thisUpdate, NextUpdate: validTo,
	}
	if status == ocsp.Revoked {
		template.RevokedAt = revokedAt
		template.RevocationReason = ocsp.Unspecified
	}
	for _, edit := range edits {
		edit(&template)
	}
	return must(ocsp.CreateResponse(issuer.cert, issuer.cert, template, issuer.key))
}

// delegated is what somebody else says, whose certificate travels with it.
func delegated(of, issuer, responder *entity, status int) []byte {
	template := ocsp.Response{
		Status: status, SerialNumber: of.cert.SerialNumber,
		ThisUpdate: thisUpdate, NextUpdate: validTo, Certificate: responder.cert,
	}
	return must(ocsp.CreateResponse(issuer.cert, responder.cert, template, responder.key))
}

func responder(issuer *entity, edits ...func(*x509.Certificate)) *entity {
	template := leafTemplate()
	template.Subject = subject("Notation Test Responder")
	template.SerialNumber = big.NewInt(900)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	for _, edit := range edits {
		edit(template)
	}
	return issue(template, p256("responder"), issuer)
}

// invalidSince says since when the key is not to be trusted.
func invalidSince(at time.Time) func(*ocsp.Response) {
	return func(r *ocsp.Response) {
		r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: oidInvalidityDate, Value: generalized(at)})
	}
}

func noCheck(r *ocsp.Response) {
	r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: oidNoCheck, Value: asn1.NullBytes})
}

// entry of a CRL; reason 0 is not written.
type entry struct {
	serial     *big.Int
	at         time.Time
	reason     int
	extensions []pkix.Extension
}

func revoked(of *entity) entry { return entry{serial: of.cert.SerialNumber, at: revokedAt} }

// list is a CRL of which everything can be wrong.
type list struct {
	issuer     *entity
	number     int64
	this, next time.Time
	entries    []entry
	extensions []pkix.Extension
}

func newList(issuer *entity, entries ...entry) *list {
	return &list{issuer: issuer, number: 20240720, this: thisUpdate, next: validTo, entries: entries}
}

func (l *list) with(id asn1.ObjectIdentifier, critical bool, value []byte) *list {
	l.extensions = append(l.extensions, pkix.Extension{Id: id, Critical: critical, Value: value})
	return l
}

// delta says to be one, for bases from this number on.
func (l *list) delta(from int64) *list {
	return l.with(oidDeltaIndicator, true, marshal(from))
}

func (l *list) make() []byte {
	type tbs struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		ThisUpdate time.Time
		NextUpdate time.Time                 `asn1:"optional"`
		Revoked    []pkix.RevokedCertificate `asn1:"optional"`
		Extensions []pkix.Extension          `asn1:"tag:0,optional,explicit"`
	}
	key := sha1.Sum(must(x509.MarshalPKIXPublicKey(l.issuer.key.Public())))
	if len(l.issuer.cert.SubjectKeyId) > 0 {
		copy(key[:], l.issuer.cert.SubjectKeyId)
	}
	body := tbs{
		Version: 1, Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidECDSAWithSHA256},
		Issuer:     asn1.RawValue{FullBytes: l.issuer.cert.RawSubject},
		ThisUpdate: l.this.UTC(), NextUpdate: l.next.UTC(),
		Extensions: append([]pkix.Extension{
			{Id: oidAuthorityKeyID, Value: sequence(implicit(0, key[:]))},
			{Id: oidCRLNumber, Value: marshal(l.number)},
		}, l.extensions...),
	}
	for _, one := range l.entries {
		extensions := one.extensions
		if one.reason != 0 {
			reason := tlv(10, []byte{byte(one.reason)})
			extensions = append([]pkix.Extension{{Id: oidReasonCode, Value: reason}}, extensions...)
		}
		body.Revoked = append(body.Revoked, pkix.RevokedCertificate{
			SerialNumber: one.serial, RevocationTime: one.at.UTC(), Extensions: extensions,
		})
	}
	signed := marshal(body)
	digest := crypto.SHA256.New()
	digest.Write(signed)
	if _, is := l.issuer.key.Public().(*ecdsa.PublicKey); !is {
		panic("a CRL is signed with ECDSA here")
	}
	signature := must(l.issuer.key.Sign(nil, digest.Sum(nil), crypto.SHA256))
	return sequence(signed, marshal(body.Algorithm), tlv(3, []byte{0}, signature))
}

// points is the value of cRLDistributionPoints and freshestCRL.
func points(urls ...string) []byte {
	var all [][]byte
	for _, url := range urls {
		all = append(all, sequence(explicit(0, explicit(0, implicit(6, []byte(url))))))
	}
	return sequence(all...)
}
