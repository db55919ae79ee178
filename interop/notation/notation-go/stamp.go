package main

import (
	"bytes"
	"crypto"
	_ "crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"sort"
	"time"
)

var (
	oidSignedData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidData             = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidTSTInfo          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256           = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidTimestampPolicy  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
	stampedAt           = signedAt.Add(time.Minute)
	timeStampingPurpose = sequence(marshal(oidTimeStamping))
)

// stamp is a timestamp token (RFC 3161) of which some things can be wrong.
type stamp struct {
	authority   []*entity // leaf first
	embedded    []*entity
	at          time.Time
	seconds     int // of accuracy
	contentType asn1.ObjectIdentifier
	info        func(info []byte) []byte
	imprint     []byte // in place of the signature
}

func newStamp(authority []*entity) *stamp {
	return &stamp{authority: authority, embedded: authority[:1], at: stampedAt, seconds: 1, contentType: oidTSTInfo}
}

// stamping is a timestamp authority of so many certificates.
func stamping(size int, edit func(i int, template *x509.Certificate)) []*entity {
	return chain(plan{
		size: size,
		keys: func(i int) crypto.Signer { return p256("timestamp authority " + string(rune('0'+i))) },
		edit: func(i int, template *x509.Certificate) {
			if i == 0 {
				template.Subject = subject("Notation Test TSA")
				template.ExtKeyUsage = nil
				extension(template, oidExtKeyUsage, true, timeStampingPurpose)
			} else {
				template.Subject = subject("Notation Test TSA CA " + string(rune('0'+i)))
			}
			if edit != nil {
				edit(i, template)
			}
		},
	})
}

func (s *stamp) token(message []byte) []byte {
	if s.imprint != nil {
		message = s.imprint
	}
	sha := sequence(marshal(oidSHA256), asn1.NullBytes)
	imprint := sha256.Sum256(message)
	info := sequence(
		marshal(1), marshal(oidTimestampPolicy), sequence(sha, octets(imprint[:])), marshal(42),
		generalized(s.at), sequence(marshal(s.seconds)),
	)
	if s.info != nil {
		info = s.info(info)
	}
	leaf := s.authority[0]
	digest, name := sha256.Sum256(info), sha256.Sum256(leaf.cert.Raw)
	serial := marshal(leaf.cert.SerialNumber)
	issuerSerial := sequence(sequence(explicit(4, leaf.cert.RawIssuer)), serial)
	attributes := [][]byte{
		sequence(marshal(oidContentType), set(marshal(s.contentType))),
		sequence(marshal(oidMessageDigest), set(octets(digest[:]))),
		sequence(marshal(oidSigningCert2), set(sequence(sequence(sequence(octets(name[:]), issuerSerial))))),
	}
	sort.Slice(attributes, func(i, j int) bool { return bytes.Compare(attributes[i], attributes[j]) < 0 })
	signed := sha256.Sum256(set(attributes...))
	signature := must(leaf.key.Sign(nil, signed[:], crypto.SHA256))
	signer := sequence(
		marshal(1), sequence(leaf.cert.RawIssuer, serial), sha, explicit(0, attributes...),
		sequence(marshal(oidECDSAWithSHA256)), octets(signature),
	)
	content := [][]byte{marshal(3), set(sha), sequence(marshal(s.contentType), explicit(0, octets(info)))}
	if len(s.embedded) > 0 {
		content = append(content, explicit(0, certificateBytes(s.embedded)...))
	}
	content = append(content, set(signer))
	return sequence(marshal(oidSignedData), explicit(0, sequence(content...)))
}

// selfStamping is a timestamp authority of one certificate.
func selfStamping(purpose bool) []*entity {
	template := leafTemplate()
	template.Subject = subject("Notation Test TSA")
	template.SerialNumber = big.NewInt(1)
	template.ExtKeyUsage = nil
	if purpose {
		extension(template, oidExtKeyUsage, true, timeStampingPurpose)
	}
	return []*entity{issue(template, p256("timestamp authority"), nil)}
}
