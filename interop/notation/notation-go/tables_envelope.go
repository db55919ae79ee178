package main

import (
	"bytes"
	"strings"
	"time"
)

// withAll is a request as newSignRequest of both tests makes it.
func withAll(s *scenario) {
	s.draft.expires(future)
	s.draft.set("signedCritKey1", "signedCritValue1")
	s.draft.crit("signedCritKey1")
	s.draft.set("signedKey1", "signedValue1")
}

// everyKey asks about envelopes as signers write them, in every size and scheme.
func everyKey(t *tables, table, format string) {
	for _, scheme := range []string{x509Scheme, saScheme} {
		for _, key := range keys {
			for _, row := range []struct {
				name string
				edit func(*scenario)
			}{
				{"all", withAll},
				{"minimal", func(s *scenario) { s.draft.removeOpen(attrAgent) }},
				{"without expiry", func(s *scenario) {
					withAll(s)
					s.draft.remove(attrExpiry)
					for i, one := range s.draft.protected {
						if names, is := one.value.([]string); is {
							s.draft.protected[i].value = without(names, attrExpiry)
						}
					}
				}},
				{"without signing agent", func(s *scenario) {
					withAll(s)
					s.draft.removeOpen(attrAgent)
				}},
				{"without extended attributes", func(s *scenario) { s.draft.expires(future) }},
			} {
				s := newScenario(format, scheme)
				s.keyed(3, key.make())
				row.edit(s)
				t.ask(table, "SignAndVerify: "+row.name, scheme+" "+key.name, s)
			}
		}
	}
}

func without(names []string, name string) []string {
	var kept []string
	for _, one := range names {
		if one != name {
			kept = append(kept, one)
		}
	}
	return kept
}

func malformed(s *scenario, der []byte) {
	all := certificateBytes(s.chain)
	all[0] = der
	s.draft.chain(all...)
}

// signature/cose/envelope_test.go
func coseEnvelopes(t *tables) {
	const table = "notation-core-go COSE envelopes"
	ask := func(row string, edit func(*draft, *scenario)) {
		t.one(table, row, "cose", func(s *scenario) {
			s.draft.expires(future)
			edit(s.draft, s)
		})
	}
	everyKey(t, table, "cose")
	t.notMany(table, signing, 14, "SignErrors")
	t.not(table, far, "Sign: with timestamp countersignature request")
	t.not(table, arguments, "PayloadErrors: env.base is nil", "SignerInfoErrors: when decodeTime fails", "GenerateExtendedAttributesError", "HashFunc")
	ask("ParseEnvelopeError: empty", func(d *draft, _ *scenario) { d.after = func([]byte) []byte { return []byte{} } })
	ask("ParseEnvelopeError: invalid", func(d *draft, _ *scenario) { d.after = func([]byte) []byte { return []byte("invalid") } })
	t.not(table, twice, "VerifyErrors: signature envelope is not present", "VerifyErrors: get payload fails", "VerifyErrors: get signerInfo fails", "SignerInfoErrors: invalid certificate chain", "SignerInfoErrors: leaf certificate has wrong type", "SignerInfoErrors: malformed leaf certificate")
	ask("VerifyErrors: invalid certificate chain", func(d *draft, _ *scenario) { d.setOpen(attrChain, raw{cbor: cborArray()}) })
	ask("VerifyErrors: leaf certificate has wrong type", func(d *draft, _ *scenario) { d.setOpen(attrChain, raw{cbor: cborArray(cborInt(0))}) })
	ask("VerifyErrors: certificate chain is one certificate", func(d *draft, s *scenario) {
		s.by(chain(plan{size: 1}))
		s.draft.setOpen(attrChain, s.chain[0].cert.Raw)
	})
	ask("VerifyErrors: malformed leaf certificate", func(_ *draft, s *scenario) {
		der := bytes.Clone(s.chain[0].cert.Raw)
		der[0] += 'A'
		malformed(s, der)
	})
	ask("VerifyErrors: unsupported public key", func(_ *draft, s *scenario) {
		trusted := root(s.chain)
		s.keyed(1, rsaKey(1024))
		s.trust(trusted)
	})
	ask("VerifyErrors: tampered signature", func(d *draft, _ *scenario) {
		d.after = func(envelope []byte) []byte {
			envelope[len(envelope)-10] += 'A'
			return envelope
		}
	})
	ask("PayloadErrors: missing content type", func(d *draft, _ *scenario) { d.remove(attrType) })
	ask("PayloadErrors: content type has wrong type", func(d *draft, _ *scenario) { d.set(attrType, 0) })
	ask("SignerInfoErrors: signature missing", func(d *draft, _ *scenario) { d.spoil = func(p *parts) { p.signature = []byte{} } })
	ask("SignerInfoErrors: empty crit", func(d *draft, _ *scenario) { d.set(attrCrit, []string{}) })
	ask("SignerInfoErrors: missing crit", func(d *draft, _ *scenario) { d.remove(attrCrit) })
	ask("SignerInfoErrors: invalid crit", func(d *draft, _ *scenario) { d.set(attrCrit, "invalid") })
	ask("SignerInfoErrors: signingScheme has wrong type", func(d *draft, _ *scenario) { d.set(attrScheme, 0) })
	ask("SignerInfoErrors: required headers not marked as critical", func(d *draft, _ *scenario) { d.set(attrCrit, []string{attrExpiry}) })
	ask("SignerInfoErrors: expiry not marked as critical", func(d *draft, _ *scenario) { d.set(attrCrit, []string{attrScheme}) })
	ask("SignerInfoErrors: missing algorithm", func(d *draft, _ *scenario) { d.remove(attrAlg) })
	ask("SignerInfoErrors: unsupported algorithm", func(d *draft, _ *scenario) { d.set(attrAlg, -8) })
	ask("SignerInfoErrors: unsupported signingScheme", func(d *draft, _ *scenario) { d.set(attrScheme, "unsupported") })
	// Tag 0, text in RFC 3339; no tag.
	tag0 := raw{cbor: append(cborHead(6, 0), cborText(future.Format(time.RFC3339))...)}
	for _, name := range []string{attrSigningTime, attrExpiry} {
		short := strings.TrimPrefix(name, "io.cncf.notary.")
		ask("SignerInfoErrors: Tag0 "+short, func(d *draft, _ *scenario) { d.set(name, tag0) })
		ask("SignerInfoErrors: no tag, "+short, func(d *draft, _ *scenario) { d.set(name, int(future.Unix())) })
		ask("SignerInfoErrors: invalid "+short, func(d *draft, _ *scenario) { d.set(name, "invalid") })
		ask("SignerInfoErrors: empty "+short, func(d *draft, _ *scenario) { d.set(name, raw{cbor: append(cborHead(6, 1), cborText("")...)}) })
	}
	ask("SignerInfoErrors: missing signingTime", func(d *draft, _ *scenario) { d.remove(attrSigningTime) })
	ask("SignerInfoErrors: expiry is critical and missing", func(d *draft, _ *scenario) { d.remove(attrExpiry) })
}

// signature/jws/envelope_test.go
func jwsEnvelopes(t *tables) {
	const table = "notation-core-go JWS envelopes"
	asked := func(row, scheme string, edit func(*draft, *scenario)) {
		s := newScenario("jws", scheme)
		s.draft.expires(future)
		s.draft.set("testKey", "testValue")
		s.draft.crit("testKey")
		s.draft.set("testKey2", "testValue2")
		edit(s.draft, s)
		t.ask(table, row, "", s)
	}
	ask := func(row string, edit func(*draft, *scenario)) { asked(row, x509Scheme, edit) }
	everyKey(t, table, "jws")
	t.notMany(table, signing, 4, "SignFailed")
	t.notMany(table, signing, 2, "SigningScheme, by a remote signer")
	t.not(table, far, "SignWithTimestamp")
	t.not(table, twice, "NewEnvelope", "EmptyEnvelope: Verify", "EmptyEnvelope: Payload", "EmptyEnvelope: SignerInfo")
	for _, scheme := range []string{x509Scheme, saScheme} {
		asked("SigningScheme: "+scheme, scheme, func(*draft, *scenario) {})
	}
	ask("Verify: break json format", func(d *draft, _ *scenario) {
		d.after = func(envelope []byte) []byte {
			envelope[0] = '}'
			return envelope
		}
	})
	ask("Verify: tamper signature", func(d *draft, _ *scenario) {
		d.spoil = func(p *parts) { p.signature = append([]byte("AAAA"), p.signature[4:]...) }
	})
	ask("Verify: empty certificate", func(d *draft, _ *scenario) { d.chain() })
	ask("Verify: tamper certificate", func(_ *draft, s *scenario) {
		der := bytes.Clone(s.chain[0].cert.Raw)
		der[0] = 'C'
		malformed(s, der)
	})
	ask("Verify: malformed protected header base64 encoded", func(d *draft, _ *scenario) {
		d.spoil = func(p *parts) { p.protected = append([]byte("$"), p.protected...) }
	})
	ask("Verify: malformed protected header raw", func(d *draft, _ *scenario) {
		d.spoil = func(p *parts) {
			header := jsonObject(d.protected)
			header[0] = '}'
			p.protected = base64url(header)
			p.signature = base64url(d.sign([]byte(string(p.protected) + "." + string(p.payload))))
		}
	})
	t.not(table, twice, "SignerInfo: tamper raw protected header json format")
	ask("SignerInfo: authenticSigningTime under notary.x509", func(d *draft, _ *scenario) { d.set(attrAuthenticTime, signedAt) })
	asked("SignerInfo: signingTime under signing authority", saScheme, func(d *draft, _ *scenario) { d.set(attrSigningTime, signedAt) })
	asked("SignerInfo: no authenticSigningTime under signing authority", saScheme, func(d *draft, _ *scenario) {
		d.remove(attrAuthenticTime)
		d.set(attrCrit, []string{attrScheme, attrExpiry, "testKey"})
	})
	asked("SignerInfo: authenticSigningTime is not critical", saScheme, func(d *draft, _ *scenario) {
		d.set(attrCrit, []string{attrScheme, attrExpiry, "testKey"})
	})
	ask("SignerInfo: tamper extended attributes", func(d *draft, _ *scenario) {
		d.remove("testKey")
		d.remove("testKey2")
	})
	ask("SignerInfo: expiry is not critical", func(d *draft, _ *scenario) { d.set(attrCrit, []string{attrScheme, "testKey"}) })
	ask("SignerInfo: empty critical section", func(d *draft, _ *scenario) { d.set(attrCrit, []string{}) })
	ask("SignerInfo: no critical section", func(d *draft, _ *scenario) { d.remove(attrCrit) })
	ask("SignerInfo: unsupported algorithm", func(d *draft, _ *scenario) { d.set(attrAlg, "ES222") })
	ask("SignerInfo: tamper signature base64 encoding", func(d *draft, _ *scenario) {
		d.spoil = func(p *parts) { p.signature = append([]byte("{"), p.signature...) }
	})
	ask("SignerInfo: tamper empty signature", func(d *draft, _ *scenario) { d.spoil = func(p *parts) { p.signature = nil } })
	ask("SignerInfo: tamper cert chain", func(_ *draft, s *scenario) {
		malformed(s, append(bytes.Clone(s.chain[0].cert.Raw), 'v'))
	})
	ask("Payload: tamper envelope", func(d *draft, _ *scenario) { d.spoil = func(p *parts) { p.payload = p.payload[1:] } })
	// types.go: a signing time is required, and both times are in RFC 3339.
	for _, name := range []string{attrSigningTime, attrExpiry} {
		short := strings.TrimPrefix(name, "io.cncf.notary.")
		ask("SignerInfo: invalid "+short, func(d *draft, _ *scenario) { d.set(name, "invalid") })
		ask("SignerInfo: a number in "+short, func(d *draft, _ *scenario) { d.set(name, int(future.Unix())) })
	}
}
