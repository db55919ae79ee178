package main

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

var levels = []string{"strict", "permissive", "audit"}

// verifier_test.go: TestNotationVerificationCombinations
func combinations(t *tables) {
	const table = "notation-go TestNotationVerificationCombinations"
	rows := []struct {
		name string
		edit func(*scenario)
	}{
		{"unsupported envelope", func(s *scenario) { s.layer = "application/unsupported+json" }},
		{"integrity", func(*scenario) {}},
		{"integrity failure", func(s *scenario) {
			s.draft.spoil = func(p *parts) {
				p.payload = append([]byte(nil), p.payload...)
				if s.format == "jws" {
					p.payload[len(p.payload)/2] = '*'
				} else {
					p.payload[len(p.payload)/2] ^= 1
				}
			}
		}},
		{"authenticity", func(*scenario) {}},
		{"authenticity failure", func(s *scenario) {
			s.statement().TrustStores = []string{"ca:valid-trust-store-2", "signingAuthority:valid-trust-store-2"}
			other := chain(plan{size: 2, keys: func(i int) crypto.Signer { return p256(fmt.Sprint("other ", i)) }})
			s.stores = map[string][]*x509.Certificate{"ca:valid-trust-store-2": {root(other)}, "signingAuthority:valid-trust-store-2": {root(other)}}
		}},
		{"trust store without separator", func(s *scenario) {
			s.statement().TrustStores = []string{"ca:valid-trust-store", "signingAuthority"}
		}},
		{"identity failure", func(s *scenario) {
			s.statement().TrustedIdentities = []string{"x509.subject:CN=LOL,O=DummyOrg,L=Hyderabad,ST=TG,C=IN"}
		}},
		{"identity without separator", func(s *scenario) { s.statement().TrustedIdentities = []string{"x509.subject"} }},
		{"identity without value", func(s *scenario) { s.statement().TrustedIdentities = []string{"x509.subject:"} }},
		{"expiry", func(s *scenario) { s.draft.expires(future) }},
		{"expiry failure", func(s *scenario) { s.draft.expires(signedAt.Add(time.Hour)) }},
	}
	for _, scheme := range []string{x509Scheme, saScheme} {
		for _, row := range rows {
			for _, level := range levels {
				for _, format := range []string{"jws", "cose"} {
					s := newScenario(format, scheme)
					row.edit(s)
					s.level(level)
					t.ask(table, row.name+", "+scheme+", "+level, format, s)
				}
			}
		}
	}
}

// verifier_test.go: TestVerificationPluginInteractions, TestPluginVersionCompatibility; helpers.go
func plugins(t *tables) {
	const table = "notation-go TestVerificationPluginInteractions"
	for _, scheme := range []string{x509Scheme, saScheme} {
		for _, level := range levels {
			for _, format := range []string{"jws", "cose"} {
				s := newScenario(format, scheme)
				s.level(level)
				s.draft.set(attrPlugin, "plugin-name")
				s.draft.set("SomeKey", "SomeValue")
				s.draft.crit(attrPlugin, "SomeKey")
				t.ask(table, "not installed, "+scheme, format+" "+level, s)
			}
		}
		for _, row := range []string{
			"without capabilities", "identity", "identity failure", "revocation", "revocation failure", "both",
			"skipped revocation", "unexpected response", "attribute not processed", "empty result",
		} {
			t.not(table, process, row+", "+scheme)
		}
	}
	const versions = "notation-go TestPluginVersionCompatibility"
	for _, version := range []string{"1.0.9", "1.0.1", "1.2.3", "1.1.0-alpha", "0.0.9", "1.0.0-alpha", "1.0.0-alpha.beta", "1.0.0"} {
		t.each(versions, version+", not installed", func(s *scenario) {
			s.draft.set(attrPlugin, "io.cncf.notary.plugin.unittest.mock")
			s.draft.set(attrPluginMinVersion, version)
			s.draft.crit(attrPlugin, attrPluginMinVersion)
		})
		t.not(versions, process, version+", installed in version 1.0.0")
	}
	const helpers = "notation-go attributes of plugins"
	t.each(helpers, "name is not critical", func(s *scenario) { s.draft.set(attrPlugin, "plugin-name") })
	t.each(helpers, "name is not text", func(s *scenario) {
		s.draft.set(attrPlugin, 1)
		s.draft.crit(attrPlugin)
	})
	for _, name := range []string{"", "  "} {
		t.each(helpers, fmt.Sprintf("name is %q", name), func(s *scenario) {
			s.draft.set(attrPlugin, name)
			s.draft.crit(attrPlugin)
		})
	}
	for _, version := range []string{"", " ", "1", "1.0", "v1.0.0", "01.0.0"} {
		t.each(helpers, fmt.Sprintf("version is %q", version), func(s *scenario) {
			s.draft.set(attrPlugin, "plugin-name")
			s.draft.set(attrPluginMinVersion, version)
			s.draft.crit(attrPlugin, attrPluginMinVersion)
		})
	}
	t.each(helpers, "version is not critical", func(s *scenario) {
		s.draft.set(attrPlugin, "plugin-name")
		s.draft.set(attrPluginMinVersion, "1.0.0")
		s.draft.crit(attrPlugin)
	})
	t.each(helpers, "version without a name", func(s *scenario) {
		s.draft.set(attrPluginMinVersion, "1.0.0")
		s.draft.crit(attrPluginMinVersion)
	})
}

// verifier_test.go: TestVerifyUserMetadata
func metadata(t *tables) {
	const table = "notation-go TestVerifyUserMetadata"
	id, at := "io.wabbit-networks.buildId", "io.wabbit-networks.buildTime"
	for i, wanted := range []map[string]string{
		{}, {id: "123"}, {id: "321"}, {id: "123", at: "1672944615"}, {id: "123", at: "1"},
	} {
		for _, level := range levels {
			for _, format := range []string{"jws", "cose"} {
				s := newScenario(format, x509Scheme)
				s.level(level)
				signed := s.signed
				signed.Annotations = map[string]string{id: "123", at: "1672944615"}
				s.sign(signed)
				s.metadata = wanted
				t.ask(table, fmt.Sprint(i), format+" "+level, s)
			}
		}
	}
}

// verifier_test.go: TestVerifyX509TrustedIdentities
func identities(t *tables) {
	const table = "notation-go TestVerifyX509TrustedIdentities"
	const good, other = "x509.subject:C=US,O=SomeOrg,ST=WA", "x509.subject:C=IND,O=SomeOrg,ST=TS"
	const custom = "nonX509Prefix:my-custom-identity"
	for i, row := range []struct {
		name       string
		identities []string
	}{
		{"SomeCN", []string{good}},
		{"SomeCN", []string{good, custom}},
		{"SomeCN", []string{good, other}},
		{"SomeCN", []string{custom}},
		{"SomeCN", []string{"*"}},
		{"SomeCN", []string{other}},
		{"SomeCN", []string{other, custom}},
		{"SomeCN", []string{other, "x509.subject:C=LOL,O=LOL,ST=LOL"}},
		{"SomeCN", []string{"x509.subject:C=bad=#identity,O=LOL,ST=LOL"}},
		{"bad=#CN", []string{good, custom}},
	} {
		t.each(table, fmt.Sprintf("%d: %s, %s", i, row.name, strings.Join(row.identities, " and ")), func(s *scenario) {
			s.by(chain(plan{size: 3, edit: func(i int, template *x509.Certificate) {
				if i == 0 {
					template.Subject = subject(row.name)
					template.Subject.Organization = []string{"SomeOrg"}
					template.Subject.OrganizationalUnit = []string{"SomeOU"}
				}
			}}))
			s.statement().TrustedIdentities = row.identities
		})
	}
	const authentic = "notation-core-go TestVerifyAuthenticity"
	t.not(authentic, arguments, "empty certs", "nil signerInfo")
	t.each(authentic, "no cert matches", func(s *scenario) {
		s.trust(root(chain(plan{size: 3, keys: func(i int) crypto.Signer { return p256(fmt.Sprint("other ", i)) }})))
	})
	t.each(authentic, "cert matches", func(*scenario) {})
	t.each(authentic, "an intermediate matches", func(s *scenario) { s.trust(s.chain[1].cert) })
	t.each(authentic, "the same key in another certificate", func(s *scenario) {
		s.trust(root(chain(plan{size: 3, edit: func(i int, template *x509.Certificate) { template.NotAfter = future }})))
	})
}

// verifier_test.go: TestVerifyRevocationEnvelope, TestVerifyRevocation, TestRevocationFinalResult
func revocations(t *tables) {
	const envelope = "notation-go TestVerifyRevocationEnvelope"
	for _, action := range []string{"enforce", "log", "skip"} {
		for _, authenticity := range []string{"log", "enforce"} {
			t.each(envelope, action+" revoked cert, authenticity "+authenticity, func(s *scenario) {
				s.by(revokable(2, true, false))
				if authenticity == "log" {
					// As in the original, whose store has another root.
					s.trust(root(chain(plan{size: 2, keys: func(i int) crypto.Signer { return p256(fmt.Sprint("other ", i)) }})))
				}
				s.override("authenticity", authenticity)
				s.override("revocation", action)
				s.web[responderURL(0)] = reply{Body: response(s.chain[0], s.chain[1], ocsp.Revoked)}
			})
		}
	}

	const table = "notation-go TestVerifyRevocation"
	t.not(table, arguments, "nil client")
	const good, bad, unknown = ocsp.Good, ocsp.Revoked, ocsp.Unknown
	type row struct {
		name     string
		statuses []int
		signed   time.Time // by a signing authority
		edits    []func(*ocsp.Response)
	}
	invalid := invalidSince(beforeSigned)
	for _, row := range []row{
		{"non-revoked", []int{good, good}, signedAt, nil},
		{"OCSP revoked no invalidity", []int{bad, bad}, signedAt, nil},
		{"OCSP revoked with invalidity", []int{bad, bad}, signedAt, []func(*ocsp.Response){invalid}},
		{"OCSP unknown", []int{unknown, unknown}, signedAt, nil},
		{"OCSP unknown then revoked", []int{unknown, bad}, signedAt, nil},
		{"OCSP revoked then unknown", []int{bad, unknown}, signedAt, nil},
		{"missing id-pkix-ocsp-nocheck", []int{good, good}, signedAt, nil},
		{"older signing time no invalidity", []int{bad, bad}, beforeSigned.Add(-time.Hour), nil},
		{"older signing time with invalidity", []int{bad, bad}, beforeSigned.Add(-time.Hour), []func(*ocsp.Response){invalid}},
		{"non-authentic signing time with invalidity", []int{bad, bad}, time.Time{}, []func(*ocsp.Response){invalid}},
		{"zero signing time", []int{bad, bad}, time.Time{}, nil},
	} {
		for _, format := range []string{"jws", "cose"} {
			scheme := saScheme
			if row.signed.IsZero() {
				scheme = x509Scheme
			}
			s := newScenario(format, scheme)
			s.by(revokable(3, true, false))
			if !row.signed.IsZero() {
				s.draft.set(attrAuthenticTime, row.signed)
			}
			edits := row.edits
			if !strings.HasPrefix(row.name, "missing") {
				edits = append(edits, noCheck)
			}
			for i, status := range row.statuses {
				s.web[responderURL(i)] = reply{Body: response(s.chain[i], s.chain[i+1], status, edits...)}
			}
			t.ask(table, row.name, format, s)
		}
	}
	t.each(table, "timeout", func(s *scenario) {
		s.by(revokable(3, true, false))
		s.web[responderURL(0)] = reply{Error: "timeout"}
		s.web[responderURL(1)] = reply{Error: "timeout"}
	})
	t.each(table, "invalid chain", func(s *scenario) {
		made := revokable(3, true, false)
		s.by(made)
		s.draft.chain(certificateBytes([]*entity{made[1], made[0], made[2]})...)
		s.draft.key = made[1].key
	})

	const final = "notation-go TestRevocationFinalResult"
	t.not(final, arguments, "revocation method unknown")
	both := func(s *scenario) {
		s.by(revokable(2, true, true))
		s.web[responderURL(0)] = reply{Error: "ocsp error"}
	}
	t.each(final, "OCSP error without fallback", func(s *scenario) {
		s.by(revokable(2, true, false))
		s.web[responderURL(0)] = reply{Error: "ocsp error"}
	})
	t.each(final, "OCSP error with fallback", func(s *scenario) {
		both(s)
		s.web[crlURL(0)] = reply{Body: newList(s.chain[1]).make()}
	})
	t.each(final, "OCSP error with fallback and CRL error", func(s *scenario) {
		both(s)
		s.web[crlURL(0)] = reply{Error: "crl error"}
	})
}

// verifier/timestamp_test.go: TestAuthenticTimestamp
func timestamps(t *tables) {
	const table = "notation-go TestAuthenticTimestamp"
	for _, format := range []string{"jws", "cose"} {
		ask := func(row string, edit func(*scenario, *stamp)) {
			s := newScenario(format, x509Scheme)
			s.statement().SignatureVerification.VerifyTimestamp = "always"
			made := newStamp(stamping(3, nil))
			made.embedded = made.authority[:2]
			s.stamped(made)
			edit(s, made)
			t.ask(table, row, format, s)
		}
		valid := func(s *scenario, from, to time.Time) {
			by := s.draft.stamp
			s.by(chain(plan{size: 3, edit: func(i int, template *x509.Certificate) {
				if i == 0 {
					template.NotBefore, template.NotAfter = from, to
				}
			}}))
			s.draft.stamp = by
		}
		expired := func(s *scenario) { valid(s, signedAt.Add(-time.Hour), signedAt.Add(time.Hour)) }
		without := func(s *scenario) { s.statement().TrustStores = s.statement().TrustStores[:2] }
		ask("with a timestamp", func(*scenario, *stamp) {})
		ask("expired certificate", func(s *scenario, _ *stamp) { expired(s) })
		ask("afterCertExpiry", func(s *scenario, _ *stamp) {
			s.statement().SignatureVerification.VerifyTimestamp = "afterCertExpiry"
		})
		ask("afterCertExpiry, expired certificate", func(s *scenario, _ *stamp) {
			s.statement().SignatureVerification.VerifyTimestamp = "afterCertExpiry"
			expired(s)
		})
		ask("afterCertExpiry, no timestamp", func(s *scenario, _ *stamp) {
			s.statement().SignatureVerification.VerifyTimestamp = "afterCertExpiry"
			s.draft.stamp = nil
		})
		ask("invalid trust policy", func(s *scenario, _ *stamp) { s.statement().TrustStores[2] = "tsa" })
		ask("missing tsa in trust policy and expired certificate", func(s *scenario, _ *stamp) {
			without(s)
			expired(s)
		})
		ask("missing tsa in trust policy", func(s *scenario, _ *stamp) { without(s) })
		ask("missing timestamp", func(s *scenario, _ *stamp) { s.draft.stamp = nil })
		ask("empty timestamp", func(s *scenario, _ *stamp) {
			s.draft.stamp = func([]byte) []byte { return []byte{} }
		})
		ask("invalid content type", func(_ *scenario, made *stamp) { made.contentType = oidData })
		ask("invalid TSTInfo", func(_ *scenario, made *stamp) {
			made.info = func([]byte) []byte { return sequence(marshal(1), marshal(oidTimestampPolicy), sequence()) }
		})
		ask("another message", func(_ *scenario, made *stamp) { made.imprint = []byte("mismatch") })
		ask("without certificate", func(_ *scenario, made *stamp) { made.embedded = nil })
		ask("trust store does not exist", func(s *scenario, _ *stamp) { s.statement().TrustStores[2] = "tsa:does-not-exist" })
		ask("empty trust store", func(s *scenario, _ *stamp) {
			s.statement().TrustStores[2] = "tsa:test-empty"
			s.stores["tsa:test-empty"] = []*x509.Certificate{}
		})
		ask("tsa not trusted", func(s *scenario, _ *stamp) {
			s.stores["tsa:test-timestamp"] = []*x509.Certificate{root(s.chain)}
		})
		ask("before the certificate", func(s *scenario, _ *stamp) { valid(s, future, validTo) })
		ask("after the certificate", func(s *scenario, _ *stamp) { valid(s, validFrom, longPast) })
		ask("its accuracy is before the certificate", func(s *scenario, made *stamp) {
			made.seconds = 61
			valid(s, signedAt, validTo)
		})
		ask("its accuracy is within the certificate", func(s *scenario, made *stamp) {
			made.seconds = 60
			valid(s, signedAt, validTo)
		})
		// Step 5, revocation of the authority.
		for _, status := range []struct {
			name string
			is   int
		}{{"good", ocsp.Good}, {"revoked", ocsp.Revoked}, {"unknown", ocsp.Unknown}} {
			for _, level := range levels {
				ask("tsa "+status.name+", "+level, func(s *scenario, _ *stamp) {
					s.level(level)
					made := stamping(2, func(i int, template *x509.Certificate) {
						if i == 0 {
							template.OCSPServer = []string{responderURL(9)}
						}
					})
					s.draft.stamp = newStamp(made).token
					s.stores["tsa:test-timestamp"] = []*x509.Certificate{root(made)}
					s.web[responderURL(9)] = reply{Body: response(made[0], made[1], status.is)}
				})
			}
		}
	}
	// helpers_test.go: TestLoadX509TSATrustStores
	for _, format := range []string{"jws", "cose"} {
		s := newScenario(format, saScheme)
		s.stamped(newStamp(stamping(2, nil)))
		t.ask(table, "by a signing authority a timestamp is not looked at", format, s)
	}
}

// notation_test.go, after 1.3.2: TestVerifyBlobValid and TestVerifyBlobError; put to Verify with the
// descriptor of the blob
func blobs(t *tables) {
	const table = "notation-go VerifyBlob, as Verify"
	content := []byte("a blob")
	const kind = "application/octet-stream"
	blob := func(row string, edit func(*scenario)) {
		t.each(table, row, func(s *scenario) {
			s.target, s.is, s.reference = content, kind, scope+"@sha256:blob"
			s.blob = describe(kind, content).Digest
			s.sign(describe(kind, content))
			edit(s)
		})
	}
	blob("valid", func(*scenario) {})
	blob("another blob", func(s *scenario) { s.target, s.blob = []byte("other"), describe(kind, []byte("other")).Digest })
	blob("another digest", func(s *scenario) {
		signed := s.signed
		signed.Digest = describe(kind, []byte("other")).Digest
		s.sign(signed)
	})
	blob("another size", func(s *scenario) {
		signed := s.signed
		signed.Size++
		s.sign(signed)
	})
	blob("expired, permissive", func(s *scenario) {
		s.level("permissive")
		s.draft.expires(signedAt.Add(time.Hour))
	})
	blob("expired", func(s *scenario) { s.draft.expires(signedAt.Add(time.Hour)) })
	t.not(table, unreleased, "empty policy name", "signature type", "reader fails", "policy of another name")
	const documents = "notation-go BlobDocument"
	t.not(documents, unreleased, "nil", "empty version", "invalid version", "no statements", "no name", "two global statements", "the same name twice")
}
