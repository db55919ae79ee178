package main

import (
	"crypto/x509"
	"strings"

	"golang.org/x/crypto/ocsp"
)

// The suite of the `notation` command (test/e2e/suite), where a row is about a signature and a policy.
func commands(t *tables) {
	levelsOfCommands(t)
	const identity = "notation e2e trusted_identity"
	const own, other = "x509.subject: CN=e2e,O=Notary,L=Seattle,ST=WA,C=US", "x509.subject: O=Internet Widgits Pty Ltd,ST=Some-State,C=AU"
	for _, row := range []struct {
		name       string
		identities []string
	}{
		{"unset", []string{}},
		{"valid", []string{own}},
		{"invalid", []string{"x509.subject: CN=e2e,O=Notary,L=Seattle,ST=WA,C=USB"}},
		{"malformed", []string{"x509.subject CN=e2e,O=Notary,L=Seattle,ST=WA,C=US"}},
		{"empty", []string{""}},
		{"multiple", []string{own, other}},
		{"overlapped", []string{own, "x509.subject: CN=e2e,O=Notary,ST=WA,C=US"}},
		{"wildcard plus other", []string{"*", own}},
		{"missing organization", []string{"x509.subject: CN=e2e,L=Seattle,ST=WA,C=US"}},
		{"missing state", []string{"x509.subject: CN=e2e,O=Notary,L=Seattle,C=US"}},
		{"missing country", []string{"x509.subject: CN=e2e,O=Notary,L=Seattle,ST=WA"}},
	} {
		t.each(identity, row.name, func(s *scenario) {
			s.by(edited(1, 0, func(template *x509.Certificate) { template.Subject = subject("e2e") }))
			s.statement().TrustedIdentities = row.identities
		})
	}
	t.each(identity, "multiple, the second", func(s *scenario) {
		s.by(edited(1, 0, func(template *x509.Certificate) {
			template.Subject = subject("")
			template.Subject.Organization, template.Subject.Locality = []string{"Internet Widgits Pty Ltd"}, nil
			template.Subject.Province, template.Subject.Country = []string{"Some-State"}, []string{"AU"}
		}))
		s.statement().TrustedIdentities = []string{own, other}
	})

	const scope = "notation e2e registry_scope"
	digest := "@" + describe(manifestType, []byte(image)).Digest
	for _, row := range []struct {
		name, repository string
		scopes           []string
	}{
		{"empty", "localhost:5000/test-repo", []string{}},
		{"malformed", "localhost:5000/test-repo", []string{`localhost:5000\test-repo`}},
		{"a repository", "localhost:5000/test-repo", []string{"localhost:5000/test-repo"}},
		{"multiple repositories, the first", "localhost:5000/test-repo2", []string{"localhost:5000/test-repo2", "localhost:5000/test-repo3"}},
		{"multiple repositories, the second", "localhost:5000/test-repo3", []string{"localhost:5000/test-repo2", "localhost:5000/test-repo3"}},
		{"any repository", "localhost:5000/test-repo4", []string{"*"}},
		{"overlapped", "localhost:5000/test-repo6", []string{"localhost:5000/test-repo6", "localhost:5000/test-repo6"}},
		{"wildcard plus specific", "localhost:5000/test-repo7", []string{"*", "localhost:5000/test-repo7"}},
		{"invalid", "localhost:5000/test-repo", []string{"localhost:5000/invalid-test-repo"}},
		{"letters of the registry", "LOCALHOST:5000/test-repo", []string{"localhost:5000/test-repo"}},
	} {
		t.each(scope, row.name, func(s *scenario) {
			s.reference = row.repository + digest
			s.statement().RegistryScopes = row.scopes
		})
	}

	const store = "notation e2e trust_store"
	for _, row := range []struct {
		name   string
		stores []string
		edit   func(*scenario)
	}{
		{"unset", []string{}, nil},
		{"invalid", []string{"ca:invalid_store"}, nil},
		{"malformed", []string{"ca:"}, nil},
		{"wildcard", []string{"*"}, nil},
		{"multiple, of the second", []string{"ca:e2e-new", "ca:valid-trust-store"}, func(s *scenario) {
			s.stores["ca:e2e-new"] = []*x509.Certificate{root(chain(plan{size: 2, keys: stranger}))}
		}},
		{"multiple, of the first", []string{"ca:valid-trust-store", "ca:e2e-new"}, func(s *scenario) {
			s.stores["ca:e2e-new"] = []*x509.Certificate{root(chain(plan{size: 2, keys: stranger}))}
		}},
		{"multiple, one that does not exist", []string{"ca:valid-trust-store", "ca:invalid_store"}, nil},
		{"overlapped", []string{"ca:valid-trust-store", "ca:valid-trust-store"}, nil},
		{"of the other scheme", []string{"signingAuthority:valid-trust-store"}, nil},
		{"empty", []string{"ca:empty"}, func(s *scenario) { s.stores["ca:empty"] = []*x509.Certificate{} }},
		{"a leaf", []string{"ca:leaf"}, func(s *scenario) { s.stores["ca:leaf"] = []*x509.Certificate{s.chain[0].cert} }},
		{"a self-signed leaf", []string{"ca:leaf"}, func(s *scenario) {
			s.by(chain(plan{size: 1}))
			s.stores["ca:leaf"] = []*x509.Certificate{s.chain[0].cert}
		}},
	} {
		t.each(store, row.name, func(s *scenario) {
			s.statement().TrustStores = row.stores
			if row.edit != nil {
				row.edit(s)
			}
		})
	}

	const several = "notation e2e multi_statements"
	for _, row := range []struct{ name, firstName, secondName, first, second string }{
		{"the same registryScope", "e2e", "e2e2", "localhost:5000/test-repo8", "localhost:5000/test-repo8"},
		{"wildcard registry scope", "e2e", "e2e2", "localhost:5000/test-repo8", "*"},
		{"the same name", "e2e", "e2e", "localhost:5000/test-repo8", "localhost:5000/test-repo9"},
		{"multi-wildcard registry scopes", "e2e", "e2e2", "*", "*"},
	} {
		t.each(several, row.name, func(s *scenario) {
			s.reference = "localhost:5000/test-repo8" + digest
			second := *s.statement()
			s.statement().Name, s.statement().RegistryScopes = row.firstName, []string{row.first}
			second.Name, second.RegistryScopes = row.secondName, []string{row.second}
			s.document.TrustPolicies = append(s.document.TrustPolicies, second)
		})
	}

	const verify = "notation e2e verify"
	t.each(verify, "by digest", func(*scenario) {})
	t.notMany(verify, commanding, 13, "by tag, of layouts, TLS, directories, logs")
	for _, row := range []struct{ name, when string }{{"with timestamp verification", "always"}, {"with verifyTimestamp set as afterCertExpiry", "afterCertExpiry"}} {
		t.each(verify, row.name, func(s *scenario) {
			s.stamped(newStamp(stamping(2, nil)))
			s.statement().SignatureVerification.VerifyTimestamp = row.when
		})
	}
	t.each(verify, "with timestamp verification disabled", func(s *scenario) {
		s.draft.stamp = newStamp(stamping(2, nil)).token
	})
	t.notMany("notation e2e blob verify", unreleased, 16, "verify of blobs")
	t.notMany("notation e2e plugin verify", process, 6, "verify with a plugin")
	t.notMany("notation e2e others", commanding, 61, "sign 27, blob sign 27, quickstart 7")

	const crl = "notation e2e crl"
	for _, row := range []struct {
		name               string
		leaf, intermediate bool
	}{{"successfully completed", false, false}, {"failed with revoked leaf certificate", true, false}, {"failed with revoked intermediate certificate", false, true}} {
		t.each(crl, row.name, func(s *scenario) {
			// As there: the intermediate has a responder that does not answer.
			s.by(revokable(3, false, true, func(i int, template *x509.Certificate) {
				if i == 1 {
					template.OCSPServer = []string{responderURL(1)}
				}
			}))
			s.web[responderURL(1)] = reply{Error: "connection refused"}
			for i, isRevoked := range []bool{row.leaf, row.intermediate} {
				l := newList(s.chain[i+1])
				if isRevoked {
					l.entries = []entry{revoked(s.chain[i])}
				}
				s.web[crlURL(i)] = reply{Body: l.make()}
			}
		})
	}
	t.notMany(crl, caching, 5, "with errors of the cache, and what has expired in it")
	const responder = "notation e2e ocsp"
	for _, row := range []struct {
		name   string
		status int
	}{{"successfully", ocsp.Good}, {"with leaf certificate revoked", ocsp.Revoked}, {"with unknown status", ocsp.Unknown}} {
		t.each(responder, row.name, func(s *scenario) {
			s.by(revokable(2, true, false))
			s.web[responderURL(0)] = reply{Body: response(s.chain[0], s.chain[1], row.status)}
		})
	}
}

// test/e2e/suite/trustpolicy/verification_level.go
func levelsOfCommands(t *tables) {
	const table = "notation e2e verification_level"
	logs := map[string]string{"authenticity": "log", "authenticTimestamp": "log", "expiry": "log", "revocation": "log"}
	enforces := map[string]string{"authenticity": "enforce", "authenticTimestamp": "enforce", "expiry": "enforce", "revocation": "enforce"}
	some := map[string]string{"authenticity": "log", "authenticTimestamp": "enforce", "expiry": "enforce"}
	for _, policy := range []struct {
		name     string
		level    string
		override map[string]string
	}{
		{"strict", "strict", nil}, {"permissive", "permissive", nil}, {"audit", "audit", nil}, {"skip", "skip", nil},
		{"strict overridden", "strict", logs}, {"permissive overridden", "permissive", some}, {"audit overridden", "audit", enforces},
	} {
		for _, fault := range []string{"expiry", "authenticTimestamp", "authenticity", "integrity"} {
			t.each(table, policy.name+" level with a fault of "+fault, func(s *scenario) {
				faults[fault](s)
				s.statement().SignatureVerification = verification{Level: policy.level, Override: policy.override}
				if policy.level == "skip" {
					s.statement().TrustStores, s.statement().TrustedIdentities = nil, nil
				}
			})
		}
	}
	t.each(table, "permissive level with Integrity overridden as log level", func(s *scenario) {
		s.statement().SignatureVerification = verification{Level: "permissive", Override: map[string]string{"integrity": "log"}}
	})
	t.each(table, "strict level with an envelope that is junk", func(s *scenario) {
		s.draft.after = func([]byte) []byte { return []byte(strings.Repeat("junk", 4)) }
	})
}
