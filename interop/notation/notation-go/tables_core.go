package main

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"time"
)

// edited is a chain of which the certificate number `at` is changed.
func edited(size, at int, edit func(*x509.Certificate)) []*entity {
	return chain(plan{size: size, edit: func(i int, template *x509.Certificate) {
		if i == at {
			edit(template)
		}
	}})
}

func noBasicConstraints(template *x509.Certificate) {
	template.BasicConstraintsValid, template.IsCA = false, false
}

// Faults of authorities and leaves that both kinds of chains have.
var authorityFaults = []struct {
	name string
	edit func(*x509.Certificate)
}{
	{"NoBasicConstraintsCa", noBasicConstraints},
	{"BasicConstraintsNotCa", func(template *x509.Certificate) { template.IsCA = false }},
	{"KuNotCriticalCertSignCa", func(template *x509.Certificate) {
		template.KeyUsage = 0
		extension(template, oidKeyUsage, false, keyUsage(keyCertSign|crlSign))
	}},
	{"KuMissingCa", func(template *x509.Certificate) { template.KeyUsage = 0 }},
	{"KuNotCertSignCa", func(template *x509.Certificate) { template.KeyUsage = x509.KeyUsageDigitalSignature }},
}

var leafFaults = []struct {
	name string
	edit func(*x509.Certificate)
}{
	{"CaTrueLeaf", func(template *x509.Certificate) {
		template.IsCA, template.BasicConstraintsValid, template.MaxPathLen = true, true, -1
	}},
	{"KuNoDigitalSignatureLeaf", func(template *x509.Certificate) { template.KeyUsage = x509.KeyUsageContentCommitment }},
	{"KuWrongValuesLeaf", func(template *x509.Certificate) {
		template.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}},
	{"KuMissingLeaf", func(template *x509.Certificate) { template.KeyUsage = 0 }},
	{"KuNotCriticalLeaf", func(template *x509.Certificate) {
		template.KeyUsage = 0
		extension(template, oidKeyUsage, false, keyUsage(digitalSignature))
	}},
}

// x509/codesigning_cert_validations_test.go
func signingChains(t *tables) {
	const table = "notation-core-go code-signing chains"
	by := func(row string, make func() []*entity) {
		t.each(table, row, func(s *scenario) { s.by(make()) })
	}
	// Another chain than the one that was issued, by the key of its first.
	shown := func(row string, made []*entity, positions ...int) {
		t.each(table, row, func(s *scenario) {
			s.by(made)
			var der [][]byte
			for _, position := range positions {
				der = append(der, made[position].cert.Raw)
			}
			s.draft.chain(der...)
			s.draft.key = made[positions[0]].key
		})
	}
	leaf := func(row string, edit func(*x509.Certificate)) {
		by(row, func() []*entity { return edited(3, 0, edit) })
	}

	four := func() []*entity { return chain(plan{size: 4}) }
	by("ValidCodeSigningChain: four certificates", four)
	by("ValidCodeSigningChain: self-signed signing certificate", func() []*entity { return chain(plan{size: 1}) })
	t.each(table, "ValidCodeSigningChain: RSA leaf without EKU", func(s *scenario) {
		s.by(chain(plan{size: 2, keys: func(i int) crypto.Signer {
			if i == 0 {
				return rsaKey(3072)
			}
			return defaultKey(i)
		}, edit: func(_ int, template *x509.Certificate) { template.ExtKeyUsage = nil }}))
	})
	by("ValidCodeSigningChain: what OpenSSL writes at least", func() []*entity {
		return edited(1, 0, func(template *x509.Certificate) { template.ExtKeyUsage = nil })
	})
	t.each(table, "EmptyChain", func(s *scenario) { s.draft.chain() })
	shown("NonSelfSignedLeafCert", four(), 0)
	t.each(table, "SelfIssuedCodeSigningCert", func(s *scenario) {
		// The leaf's own key has signed it, in another's name.
		one := func(int) crypto.Signer { return p256("one for all") }
		made := chain(plan{size: 2, keys: one})
		s.by(made)
		s.draft.chain(made[0].cert.Raw)
	})
	for _, row := range []struct {
		name string
		at   time.Time
	}{
		{"before", validFrom.Add(-time.Hour)}, {"after", validTo.Add(time.Hour)}, {"within", signedAt},
		{"the first second", validFrom}, {"the last second", validTo},
	} {
		for _, format := range []string{"jws", "cose"} {
			s := newScenario(format, saScheme)
			s.draft.set(attrAuthenticTime, row.at)
			t.ask(table, "SigningTime: "+row.name, format, s)
		}
	}
	t.not(table, twice, "InvalidCodeSigningCertSigningTime", "InvalidSigningTime")
	shown("ChainNotEndingInRoot", four(), 0, 1, 2)
	shown("ChainNotOrdered", four(), 0, 2, 1, 3)
	t.each(table, "ChainWithUnrelatedCert", func(s *scenario) {
		made := four()
		s.by(made)
		unrelated := edited(1, 0, func(template *x509.Certificate) { template.Subject = subject("Hello") })
		s.draft.chain(made[0].cert.Raw, unrelated[0].cert.Raw, made[2].cert.Raw, made[3].cert.Raw)
	})
	shown("ChainWithSelfSignedLeafCertificate", four(), 3, 3, 3)
	shown("ChainWithSelfSignedIntermediateCertificate", four(), 0, 1, 2, 3, 3)
	lengths := func(limits map[int]int) []*entity {
		return chain(plan{size: 5, edit: func(i int, template *x509.Certificate) {
			if most, limited := limits[i]; limited {
				template.MaxPathLen, template.MaxPathLenZero = most, most == 0
			}
		}})
	}
	by("InvalidPathLen", func() []*entity { return lengths(map[int]int{2: 0}) })
	by("ValidCa: the path is as long as it may be", func() []*entity { return lengths(map[int]int{1: 0, 2: 1, 3: 2, 4: 3}) })
	by("InvalidPathLenCa", func() []*entity { return lengths(map[int]int{4: 2}) })
	t.not(table, arguments, "RootCertIdentified")
	t.each(table, "InvalidSelfSignedSigningCertificate", func(s *scenario) {
		s.by(edited(1, 0, func(template *x509.Certificate) {
			template.IsCA, template.BasicConstraintsValid, template.MaxPathLen = true, true, -1
			template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
		}))
	})
	for _, fault := range authorityFaults {
		for _, at := range []int{1, 2} {
			by(fmt.Sprintf("%s, number %d", fault.name, at), func() []*entity { return edited(3, at, fault.edit) })
		}
	}
	leaf("ValidNoOptionsLeaf", func(template *x509.Certificate) { template.ExtKeyUsage = nil })
	for _, fault := range leafFaults {
		leaf(fault.name, fault.edit)
	}
	t.each(table, "RsaKeyTooSmallLeaf", func(s *scenario) { s.keyed(3, rsaKey(1024)) })
	t.each(table, "EcdsaKeyTooSmallLeaf", func(s *scenario) { s.keyed(3, ecKey(elliptic.P224(), "small")) })
	t.not(table, twice, "ValidFullOptionsCodeLeaf")
	for _, usage := range []struct {
		name string
		is   x509.KeyUsage
	}{
		{"DigitalSignature", 0}, {"ContentCommitment", x509.KeyUsageContentCommitment},
		{"KeyEncipherment", x509.KeyUsageKeyEncipherment}, {"DataEncipherment", x509.KeyUsageDataEncipherment},
		{"KeyAgreement", x509.KeyUsageKeyAgreement}, {"CertSign", x509.KeyUsageCertSign}, {"CRLSign", x509.KeyUsageCRLSign},
		{"EncipherOnly", x509.KeyUsageEncipherOnly}, {"DecipherOnly", x509.KeyUsageDecipherOnly},
		{"all", x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageKeyAgreement | x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageEncipherOnly | x509.KeyUsageDecipherOnly},
	} {
		leaf("ValidateLeafKeyUsage: "+usage.name, func(template *x509.Certificate) { template.KeyUsage |= usage.is })
	}
	leaf("ValidateLeafKeyUsage: no DigitalSignature", func(template *x509.Certificate) { template.KeyUsage = x509.KeyUsageCertSign })
	for _, purpose := range []struct {
		name string
		is   x509.ExtKeyUsage
	}{
		{"any", x509.ExtKeyUsageAny}, {"ServerAuth", x509.ExtKeyUsageServerAuth}, {"ClientAuth", x509.ExtKeyUsageClientAuth},
		{"EmailProtection", x509.ExtKeyUsageEmailProtection}, {"TimeStamping", x509.ExtKeyUsageTimeStamping},
		{"OCSPSigning", x509.ExtKeyUsageOCSPSigning}, {"IPSECUser", x509.ExtKeyUsageIPSECUser},
	} {
		leaf("EkuWrongValuesCodeLeaf: CodeSigning and "+purpose.name, func(template *x509.Certificate) {
			template.ExtKeyUsage = append(template.ExtKeyUsage, purpose.is)
		})
		leaf("EkuMissingCodeSigningLeaf: "+purpose.name, func(template *x509.Certificate) {
			template.ExtKeyUsage = []x509.ExtKeyUsage{purpose.is}
		})
	}
}

// x509/timestamp_cert_validations_test.go, through a timestamp in an envelope
func stampingChains(t *tables) {
	const table = "notation-core-go timestamping chains"
	stamped := func(row string, make func() *stamp, edit func(*scenario, *stamp)) {
		t.each(table, row, func(s *scenario) {
			made := make()
			s.stamped(made)
			if edit != nil {
				edit(s, made)
			}
		})
	}
	of := func(size, embedded int, edit func(i int, template *x509.Certificate)) func() *stamp {
		return func() *stamp {
			made := newStamp(stamping(size, edit))
			made.embedded = made.authority[:embedded]
			return made
		}
	}
	at := func(position int, edit func(*x509.Certificate)) func(int, *x509.Certificate) {
		return func(i int, template *x509.Certificate) {
			if i == position {
				edit(template)
			}
		}
	}
	stamped("ValidTimestampingChain", of(3, 2, nil), nil)
	stamped("ValidTimestampingChain: the root travels too", of(3, 3, nil), nil)
	stamped("SelfIssuedTimestampingCert", func() *stamp {
		one := func(int) crypto.Signer { return p256("one for all") }
		made := chain(plan{size: 2, keys: one, edit: at(0, func(template *x509.Certificate) {
			template.ExtKeyUsage = nil
			extension(template, oidExtKeyUsage, true, timeStampingPurpose)
		})})
		return newStamp(made)
	}, func(s *scenario, made *stamp) {
		s.stores["tsa:test-timestamp"] = []*x509.Certificate{made.authority[0].cert}
	})
	stamped("InvalidTimestampSelfSignedCert", func() *stamp { return newStamp(selfStamping(false)) }, nil)
	stamped("ValidTimestampSelfSignedCert", func() *stamp { return newStamp(selfStamping(true)) }, nil)
	t.not(table, arguments, "InvalidTimestampingChain: empty", "InvalidTimestampingChain: the root as leaf", "InvalidTimestampingChain: the root twice", "EkuToString", "ValidateTimestampingLeafCertificate without a certificate")
	stamped("InvalidTimestampingChain: unrelated intermediates", of(4, 1, nil), func(s *scenario, made *stamp) {
		unrelated := chain(plan{size: 4})
		made.embedded = append([]*entity{made.authority[0]}, unrelated[1:3]...)
	})
	stamped("InvalidTimestampingChain: the leaf alone", of(3, 1, nil), nil)
	stamped("InvalidTimestampingChain: without a root in the store", of(3, 2, nil), func(s *scenario, made *stamp) {
		s.stores["tsa:test-timestamp"] = []*x509.Certificate{made.authority[1].cert}
	})
	purposes := func(critical bool, values ...[]byte) func(*x509.Certificate) {
		return func(template *x509.Certificate) {
			template.ExtraExtensions = nil
			if values != nil {
				extension(template, oidExtKeyUsage, critical, sequence(values...))
			}
		}
	}
	stampingPurpose := marshal(oidTimeStamping)
	codeSigning := []byte{6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3}
	stamped("LeafWithNonCriticalEKU", of(2, 1, at(0, purposes(false, stampingPurpose))), nil)
	stamped("EkuWrongValuesTimeLeaf", of(2, 1, at(0, purposes(true, stampingPurpose, codeSigning))), nil)
	stamped("EkuWrongValuesTimeLeaf: an unknown one beside", of(2, 1, at(0, purposes(true, stampingPurpose, marshal(oidUnknown)))), nil)
	stamped("EkuMissingTimestampingLeaf", of(2, 1, at(0, purposes(true, codeSigning))), nil)
	stamped("WrongExtendedKeyUsage: none", of(2, 1, at(0, purposes(true))), nil)
	for _, fault := range authorityFaults {
		stamped(fault.name, of(3, 2, at(1, fault.edit)), nil)
		stamped(fault.name+", root", of(2, 1, at(1, fault.edit)), nil)
	}
	for _, fault := range leafFaults {
		stamped(fault.name, of(2, 1, at(0, fault.edit)), nil)
	}
	stamped("InvalidPathLenCa", of(4, 3, at(3, func(template *x509.Certificate) { template.MaxPathLen = 1 })), nil)
	stamped("ValidPathLenCa", of(4, 3, at(3, func(template *x509.Certificate) { template.MaxPathLen = 2 })), nil)
}

var keys = []struct {
	name string
	make func() crypto.Signer
}{
	{"RSA 2048", func() crypto.Signer { return rsaKey(2048) }},
	{"RSA 3072", func() crypto.Signer { return rsaKey(3072) }},
	{"RSA 4096", func() crypto.Signer { return rsaKey(4096) }},
	{"EC 256", func() crypto.Signer { return p256("chain 0") }},
	{"EC 384", func() crypto.Signer { return ecKey(elliptic.P384(), "chain 0") }},
	{"EC 521", func() crypto.Signer { return ecKey(elliptic.P521(), "chain 0") }},
}

// signature/internal/base/envelope_test.go
func contents(t *tables) {
	const table = "notation-core-go base envelope"
	t.notMany(table, signing, 6, "Sign")
	t.notMany(table, signing, 6, "ValidateSignRequest")
	t.each(table, "Verify: empty raw", func(s *scenario) { s.draft.after = func([]byte) []byte { return []byte{} } })
	t.each(table, "Verify: content not present", func(s *scenario) { s.draft.payload = nil })
	t.each(table, "Verify", func(*scenario) {})
	t.not(table, arguments, "Verify: err returned by internal envelope")
	t.notMany(table, arguments, 5, "Content")
	t.each(table, "ValidateSignerInfo: empty signature", func(s *scenario) { s.draft.spoil = func(p *parts) { p.signature = nil } })
	t.each(table, "ValidateSignerInfo: missing signature algorithm", func(s *scenario) { s.draft.remove(attrAlg) })
	t.each(table, "ValidateSignerInfo: missing signing time", func(s *scenario) { s.draft.remove(attrSigningTime) })
	t.each(table, "ValidateSignerInfo: zero signing time", func(s *scenario) { s.draft.set(attrSigningTime, time.Time{}) })
	t.each(table, "ValidateSignerInfo: missing signing scheme", func(s *scenario) { s.draft.remove(attrScheme) })
	t.each(table, "ValidateSignerInfo: empty signing scheme", func(s *scenario) { s.draft.set(attrScheme, "") })
	t.each(table, "ValidateSigningTime: expiry before", func(s *scenario) { s.draft.expires(signedAt.Add(-time.Hour)) })
	t.each(table, "ValidateSigningTime: expiry equal", func(s *scenario) { s.draft.expires(signedAt) })
	t.each(table, "ValidateSigningTime: expiry", func(s *scenario) { s.draft.expires(future) })
	t.each(table, "ValidatePayload: content type", func(s *scenario) { s.draft.set(attrType, "application/other+json") })
	t.each(table, "ValidatePayload: empty content type", func(s *scenario) { s.draft.set(attrType, "") })
	t.each(table, "ValidatePayload: not JSON", func(s *scenario) { s.draft.payload = []byte("not JSON") })
	t.each(table, "ValidatePayload: no object", func(s *scenario) { s.draft.payload = []byte("[]") })
	t.each(table, "ValidatePayload: empty object", func(s *scenario) { s.draft.payload = []byte("{}") })
	t.each(table, "ValidateCertificateChain: empty certs", func(s *scenario) { s.draft.removeOpen(attrChain) })
	t.each(table, "ValidateCertificateChain: unmatched signing algorithm, another family", func(s *scenario) { s.draft.set(attrAlg, "PS256") })
	t.each(table, "ValidateCertificateChain: unmatched signing algorithm", func(s *scenario) {
		s.by(chain(plan{size: 3, keys: func(i int) crypto.Signer {
			if i == 0 {
				return rsaKey(3072)
			}
			return defaultKey(i)
		}}))
		s.draft.set(attrAlg, "PS256")
		s.draft.hash = crypto.SHA256
	})
	t.not(table, twice, "ValidateSigningTime: zero")
	t.notMany(table, twice, 2, "ValidateCertificateChain")
	t.notMany(table, twice, 2, "GetSignatureAlgorithm")
}
